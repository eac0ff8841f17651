from __future__ import annotations

import pytest

from components.checkpoint_converter.proof import prove
from components.checkpoint_converter.restore import restore
from components.checkpoint_converter.sources import read_checkpoint
from detection.builder import build_detector
from detection.errors import Failed
from detection.tf1.frozen_graph import FrozenDetector, load_frozen_graph

NAME = "ssd_mobilenet_v2"


@pytest.fixture(scope="module")
def oracle(tf1_folder):
    return FrozenDetector(load_frozen_graph(tf1_folder(NAME) / "frozen_inference_graph.pb"))


@pytest.fixture(scope="module")
def image(reference):
    return reference(NAME)["image"][0]


@pytest.fixture(scope="module")
def converted(tf1_folder, tf1_config):
    def build(change=lambda config: None):
        config = tf1_config(NAME)
        change(config.model.ssd)
        model = build_detector(config.model)
        restore(model, read_checkpoint(tf1_folder(NAME)))
        return model

    return build


@pytest.fixture(scope="module")
def model(converted):
    return converted()


def test_a_good_conversion(model, oracle, image):
    proof = prove(model, oracle, [image, image[::-1]], "files: a, b", 0.2)
    assert proof.passed
    assert (proof.images, proof.image_source, proof.tolerance) == (2, "files: a, b", 1e-4)
    assert 0 < proof.max_difference_raw < 1e-5
    assert proof.max_difference_boxes < 1e-5
    assert proof.max_difference_scores < 1e-5
    assert proof.matched_detections > 5
    assert [(tensor.block, tensor.tensor) for tensor in proof.tensors] == [
        ("preprocessing", "preprocessed"),
        ("box_head", "box_encodings"),
        ("class_head", "class_predictions_with_background"),
        ("anchors", "anchors"),
        ("box_coder", "decoded_boxes"),
        ("score_converter", "converted_scores"),
        ("postprocessing", "detection_boxes"),
        ("postprocessing", "detection_scores"),
    ]
    assert all(tensor.max_absolute < 1e-4 for tensor in proof.tensors)


@pytest.mark.parametrize(
    ("path", "block"),
    [
        ("MobilenetV2/expanded_conv_5/project/kernel", "backbone"),
        ("layer_19_2_Conv2d_2_3x3_s2_128/BatchNorm/gamma", "feature_maps"),
        ("BoxPredictor_3/BoxEncodingPredictor/bias", "box_head"),
        ("BoxPredictor_0/ClassPredictor/kernel", "class_head"),
    ],
)
def test_a_wrong_variable_is_found_and_its_block_named(model, oracle, image, path, block):
    weight = next(weight for weight in model.weights if weight.path.endswith(path))
    value = weight.numpy()
    weight.assign(value * 1.05)
    with pytest.raises(Failed, match=f"first block that differs is {block} "):
        prove(model, oracle, [image], "files: a", 0.2)
    weight.assign(value)


class _OnePiece:
    """A detector with no feature extractor to call: its predictions hold the feature maps."""

    def __init__(self, model) -> None:
        self._model = model
        self.preprocess, self.postprocess = model.preprocess, model.postprocess

    def __call__(self, preprocessed, training):
        maps = self._model.feature_extractor(preprocessed, training=training)
        return self._model(preprocessed, training=training) | {"feature_maps": maps}


def test_the_block_is_named_for_a_model_in_one_piece_too(model, oracle, image):
    weight = next(weight for weight in model.weights if "expanded_conv_5/project/kernel" in weight.path)
    value = weight.numpy()
    assert prove(_OnePiece(model), oracle, [image], "files: a", 0.2).passed
    weight.assign(value * 1.05)
    with pytest.raises(Failed, match="first block that differs is backbone "):
        prove(_OnePiece(model), oracle, [image], "files: a", 0.2)
    weight.assign(value)


def _other_resizing(ssd) -> None:
    ssd.image_resizer.fixed_shape_resizer.resize_method = 2  # NEAREST_NEIGHBOR


def _other_epsilon(ssd) -> None:
    ssd.feature_extractor.conv_hyperparams.batch_norm.epsilon = 0.1


def _set(field: str, value):
    """A change of one field of an Ssd proto, by its path."""

    def change(ssd) -> None:
        *parents, leaf = field.split(".")
        message = ssd
        for parent in parents:
            message = getattr(message, parent)
        setattr(message, leaf, value)

    return change


_NMS = "post_processing.batch_non_max_suppression."


@pytest.mark.parametrize(
    ("change", "block"),
    [
        (_other_resizing, "preprocessing"),
        (_other_epsilon, "feature_maps"),
        (_set("anchor_generator.ssd_anchor_generator.min_scale", 0.21), "anchors"),
        pytest.param(
            _set("anchor_generator.ssd_anchor_generator.interpolated_scale_aspect_ratio", 0.9),
            "anchors",
            marks=pytest.mark.slow,
        ),
        (_set("box_coder.faster_rcnn_box_coder.height_scale", 4.0), "box_coder"),
        pytest.param(_set("post_processing.score_converter", 2), "score_converter", marks=pytest.mark.slow),
        (_set("post_processing.logit_scale", 1.1), "score_converter"),
        pytest.param(_set(_NMS + "iou_threshold", 0.05), "non_max_suppression", marks=pytest.mark.slow),
        (_set(_NMS + "iou_threshold", 0.62), "non_max_suppression"),
        (_set(_NMS + "score_threshold", 0.0), "non_max_suppression"),
        pytest.param(_set(_NMS + "score_threshold", 0.5), "non_max_suppression", marks=pytest.mark.slow),
        pytest.param(_set(_NMS + "soft_nms_sigma", 0.5), "non_max_suppression", marks=pytest.mark.slow),
        pytest.param(
            _set(_NMS + "max_detections_per_class", 39), "non_max_suppression", marks=pytest.mark.slow
        ),
        (_set(_NMS + "max_total_detections", 41), "non_max_suppression"),
    ],
)
def test_a_config_that_loads_but_computes_something_else(converted, oracle, image, change, block):
    with pytest.raises(Failed, match=f"first block that differs is {block} ") as error:
        prove(converted(change), oracle, [image], "files: a", 0.2)
    of_an_image = block in ("preprocessing", "feature_maps")
    assert error.value.where == (
        "proof image 1" if of_an_image else "drawn raw predictions, which both sides post-process"
    )


def test_rounding_in_the_raw_predictions_that_tips_an_overlap_is_excused(model, oracle, image, monkeypatch):
    postprocess = model.postprocess
    calls = []

    def tipped(predictions):
        found = postprocess(predictions)
        calls.append(predictions)
        if len(calls) == 1:  # the model's own predictions; the replay gets the TF1 graph's
            found["detection_classes"] = found["detection_classes"] + 1
        return found

    monkeypatch.setattr(model, "postprocess", tipped)
    proof = prove(model, oracle, [image], "files: a", 0.2)
    assert (proof.passed, proof.replayed_images) == (True, 1)
    assert len(calls) == 3  # traces: its own, of drawn predictions, of the TF1 graph's
    assert proof.matched_detections == prove(model, oracle, [image], "files: a", 0.2).matched_detections


def test_a_two_stage_graph_has_no_raw_predictions_to_compare(model, tf1_folder, image):
    graph = load_frozen_graph(tf1_folder("faster_rcnn_inception_v2") / "frozen_inference_graph.pb")
    with pytest.raises(Failed, match="raw predictions can't be found"):
        prove(model, FrozenDetector(graph), [image], "files: a", 0.2)
