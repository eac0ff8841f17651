import pytest

from detection.config import protos
from detection.errors import BadInput
from detection.hyperparams import conv_hyperparams


def hyperparams() -> protos.Hyperparams:
    message = protos.Hyperparams()
    message.initializer.truncated_normal_initializer.stddev = 0.03
    return message


def test_reads_batch_norm_activation_and_regularizer() -> None:
    message = hyperparams()
    message.batch_norm.decay = 0.97
    message.batch_norm.epsilon = 0.01
    message.regularizer.l2_regularizer.weight = 0.5
    found = conv_hyperparams(message, "here")
    assert found.batch_norm is not None
    assert found.batch_norm.decay == pytest.approx(0.97) and found.batch_norm.epsilon == pytest.approx(0.01)
    assert found.batch_norm.center and not found.batch_norm.scale  # the proto's defaults
    assert (found.l2, found.l1) == (0.5, 0.0)
    assert found.activation is not None
    assert float(found.activation(-1.0)) == 0.0 and float(found.activation(9.0)) == 9.0  # RELU is the default


def test_no_batch_norm_means_a_bias() -> None:
    assert conv_hyperparams(hyperparams(), "here").batch_norm is None


def test_initializers_do_not_repeat_themselves() -> None:
    found = conv_hyperparams(hyperparams(), "here")
    first, second = found.make_initializer()([3]), found.make_initializer()([3])
    assert not (first == second).numpy().all()


def test_refuses_what_tf1_did_not_have() -> None:
    message = hyperparams()
    message.sync_batch_norm.SetInParent()
    with pytest.raises(BadInput, match="sync_batch_norm"):
        conv_hyperparams(message, "here")
    with pytest.raises(BadInput, match="no initializer") as error:
        conv_hyperparams(protos.Hyperparams(), "model.x")
    assert error.value.where == "model.x.initializer"
