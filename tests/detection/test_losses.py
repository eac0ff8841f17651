import numpy as np
import pytest
import tensorflow as tf

from detection import losses
from detection.config import protos
from detection.errors import BadInput

ONE = tf.constant([[1.0]])


def box(values: list[float]) -> tf.Tensor:
    return tf.constant([[values]])


def test_smooth_l1_is_quadratic_then_linear() -> None:
    found = losses.smooth_l1(box([0.5, -3.0, 1.0, 0.0]), box([0.0] * 4), tf.constant([[2.0]]), delta=1.0)
    np.testing.assert_allclose(found, [[2 * (0.125 + 2.5 + 0.5)]], rtol=1e-6)
    wide = losses.smooth_l1(box([3.0, 0, 0, 0]), box([0.0] * 4), ONE, delta=2.0)
    np.testing.assert_allclose(wide, [[2.0 * (3.0 - 1.0)]], rtol=1e-6)


def test_l2_squares_the_weight_and_l1_does_not() -> None:
    weights = tf.constant([[3.0]])
    np.testing.assert_allclose(losses.l2(box([1.0, 2, 0, 0]), box([0.0] * 4), weights), [[0.5 * 9 * 5]])
    np.testing.assert_allclose(losses.l1(box([1.0, -2, 0, 0]), box([0.0] * 4), weights), [[9.0]])


def test_sigmoid_cross_entropy_counts_every_class() -> None:
    found = losses.sigmoid_cross_entropy(box([0.0, 2.0]), box([0.0, 1.0]), ONE)
    np.testing.assert_allclose(found, [[np.log(2) + np.log(1 + np.exp(-2))]], rtol=1e-6)


def test_softmax_cross_entropy_scales_its_logits() -> None:
    found = losses.softmax_cross_entropy(box([4.0, 0.0]), box([1.0, 0.0]), ONE, logit_scale=2.0)
    np.testing.assert_allclose(found, [[np.log(1 + np.exp(-2))]], rtol=1e-6)


def test_bootstrapped_sigmoid_believes_the_model_in_part() -> None:
    config = protos.ClassificationLoss()
    config.bootstrapped_sigmoid.alpha = 0.75
    soft = losses.classification_loss(config)
    # the target is 0.75 * 1 + 0.25 * sigmoid(log 3) = 0.9375
    wanted = -0.9375 * np.log(0.75) - 0.0625 * np.log(0.25)
    np.testing.assert_allclose(soft(box([float(np.log(3))]), box([1.0]), ONE), [[wanted]], rtol=1e-6)
    config.bootstrapped_sigmoid.hard_bootstrap = True
    hard = losses.classification_loss(config)
    wanted = -0.25 * np.log(0.75) - 0.75 * np.log(0.25)
    np.testing.assert_allclose(hard(box([float(np.log(3))]), box([0.0]), ONE), [[wanted]], rtol=1e-6)


def test_focal_loss_by_hand() -> None:
    found = losses.sigmoid_focal(box([0.0, 0.0]), box([1.0, 0.0]), ONE, gamma=2.0, alpha=0.25)
    np.testing.assert_allclose(found, [[0.25 * np.log(2) * (0.25 + 0.75)]], rtol=1e-6)
    plain = losses.sigmoid_focal(box([0.0, 0.0]), box([1.0, 0.0]), ONE, gamma=0.0, alpha=None)
    np.testing.assert_allclose(plain, [[2 * np.log(2)]], rtol=1e-6)


def test_focal_alpha_is_absent_unless_the_config_sets_it() -> None:
    config = protos.ClassificationLoss()
    config.weighted_sigmoid_focal.gamma = 0.0
    loss = losses.classification_loss(config)
    np.testing.assert_allclose(loss(box([0.0]), box([1.0]), ONE), [[np.log(2)]], rtol=1e-6)
    config.weighted_sigmoid_focal.alpha = 0.25
    loss = losses.classification_loss(config)
    np.testing.assert_allclose(loss(box([0.0]), box([1.0]), ONE), [[0.25 * np.log(2)]], rtol=1e-6)


def test_unsupported_losses_name_the_field_and_the_choices() -> None:
    config = protos.LocalizationLoss()
    config.weighted_iou.SetInParent()
    with pytest.raises(BadInput, match="weighted_iou") as error:
        losses.localization_loss(config)
    assert error.value.where == "model.ssd.loss.localization_loss"
    with pytest.raises(BadInput, match=r"\(none\)"):
        losses.classification_loss(protos.ClassificationLoss())
