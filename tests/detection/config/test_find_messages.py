"""Settings of one kind are found wherever they are."""

from __future__ import annotations

from google.protobuf import text_format

from detection.config import protos
from detection.config.find_messages import find_messages

MODEL = """
ssd {
  feature_extractor { conv_hyperparams {
    batch_norm { decay: 0.5 } regularizer { l2_regularizer { weight: 3 } } } }
  box_predictor { convolutional_box_predictor { conv_hyperparams { regularizer { l2_regularizer {} } } } }
}
"""


def test_paths_and_messages() -> None:
    model = text_format.Parse(MODEL, protos.DetectionModel())
    ((path, norm),) = find_messages("BatchNorm", model, "model")
    assert path == "model.ssd.feature_extractor.conv_hyperparams.batch_norm" and norm.decay == 0.5
    found = {path: message.weight for path, message in find_messages("L2Regularizer", model, "model")}
    end = "conv_hyperparams.regularizer.l2_regularizer"
    assert found == {
        f"model.ssd.feature_extractor.{end}": 3.0,
        f"model.ssd.box_predictor.convolutional_box_predictor.{end}": 1.0,
    }


def test_elements_of_a_list_have_their_index() -> None:
    text = "data_augmentation_options { random_horizontal_flip {} } "
    config = text_format.Parse(
        text + "data_augmentation_options { random_vertical_flip {} }", protos.TrainConfig()
    )
    found = [path for path, _ in find_messages("RandomVerticalFlip", config, "train_config")]
    assert found == ["train_config.data_augmentation_options[1].random_vertical_flip"]
