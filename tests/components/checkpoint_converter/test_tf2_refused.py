"""TF2 checkpoints of models that TF1 has not: told by their objects, which are made up here."""

from __future__ import annotations

import pytest
import tensorflow as tf

from components.checkpoint_converter.sources import read_checkpoint
from detection.errors import EXIT_BAD_INPUT, BadInput


@pytest.fixture
def write(tmp_path):
    """Writes a TF2 checkpoint with one variable at each object path; the last part is Keras's name."""

    def _write(*paths: str):
        root = tf.Module()
        for path in paths:
            *parents, name = path.split("/")
            holder = root
            for parent in parents:
                if not hasattr(holder, parent):
                    setattr(holder, parent, tf.Module())
                holder = getattr(holder, parent)
            variable = tf.Variable([1.0], name=f"{name}/kernel")
            setattr(holder, name, variable)
        objects = {name: child for name, child in vars(root).items() if isinstance(child, tf.Module)}
        return tf.train.Checkpoint(**objects).write(str(tmp_path / "ckpt-0"))

    return _write


EXTRACTOR = "model/_feature_extractor"
PROPOSALS = "model/_feature_extractor_for_proposal_features"


@pytest.mark.parametrize(
    ("paths", "what"),
    [
        ([f"{EXTRACTOR}/_base_model/conv1", "model/_prediction_head_dict/box"], "a CenterNet"),
        ([f"{EXTRACTOR}/_bifpn_stage/node"], "an EfficientDet"),
        (
            [f"{EXTRACTOR}/_fpn_features_generator/top", f"{EXTRACTOR}/net/block_16_project"],
            "ssd_mobilenet_v2_fpn_keras, which is no ssd_mobilenet_v2_fpn of TF1: TF2's feature pyramid",
        ),
        (
            [f"{EXTRACTOR}/_fpn_features_generator/top", f"{EXTRACTOR}/net/conv_pw_13"],
            "ssd_mobilenet_v1_fpn_keras, .* half of their largest value",
        ),
        (
            [f"{EXTRACTOR}/_fpn_features_generator/top", f"{EXTRACTOR}/net/conv4_block23_3_conv"],
            "ssd_resnet101_v1_fpn_keras",
        ),
        ([f"{PROPOSALS}/conv4_block6_3_conv"], "faster_rcnn_resnet50_keras, .* halves the crops"),
        ([f"{PROPOSALS}/conv2d_7b"], "faster_rcnn_inception_resnet_v2_keras, .* 0.059"),
        (
            [f"{PROPOSALS}/fpn_features_generator/top", f"{PROPOSALS}/net/conv4_block6_3_conv"],
            "faster_rcnn_resnet50_fpn_keras, .* no such model",
        ),
        (["feature_extractor/conv_pw_13"], "a TF2 classification checkpoint"),
        ([f"{EXTRACTOR}/net/stem_conv"], "a detector that is none of ssd_mobilenet_v1, ssd_mobilenet_v2"),
        ([f"{EXTRACTOR}/net/conv_pw_13", f"{EXTRACTOR}/net/odd"], "1 of the checkpoint's variables"),
        (["model/feature_extractor/conv"], "holds no detector of the Object Detection API"),
        (["variable/a"], "holds no detector of the Object Detection API"),
    ],
)
def test_what_the_checkpoint_is(write, paths, what):
    prefix = write(*paths)
    with pytest.raises(BadInput, match=what) as error:
        read_checkpoint(prefix)
    assert error.value.exit_code == EXIT_BAD_INPUT
    assert error.value.where == prefix and error.value.fix.startswith("give ")


def test_a_checkpoint_of_nothing(write):
    with pytest.raises(BadInput, match="such as nothing"):
        read_checkpoint(write())
