"""Two-stage graphs: one of TF 1.15, and small ones with the scopes and connections of OD API exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import tensorflow as tf

from detection.tf1.frozen_graph import load_frozen_graph
from detection.tf1.two_stage_graph import find_two_stage_tensors

OUTPUTS = ("boxes", "classes")


def test_finds_both_stages_of_faster_rcnn(tf1_model) -> None:
    found = find_two_stage_tensors(load_frozen_graph(tf1_model("faster_rcnn_inception_v2").frozen_graph))
    assert found is not None
    assert found.by_name() == {
        "preprocessed": "Preprocessor/sub:0",
        "features": "FirstStageFeatureExtractor/InceptionV2/InceptionV2/Mixed_4e/concat:0",
        "rpn_box_encodings": "FirstStageBoxPredictor/Reshape:0",
        "rpn_objectness_predictions_with_background": "FirstStageBoxPredictor/Reshape_1:0",
        "anchors": "Reshape:0",
        "proposal_boxes_normalized": "CropAndResize/Reshape:0",
        "refined_box_encodings": "SecondStageBoxPredictor/Reshape:0",
        "class_predictions_with_background": "SecondStageBoxPredictor/Reshape_1:0",
    }


def test_a_single_shot_detector_has_none(tf1_model) -> None:
    assert find_two_stage_tensors(load_frozen_graph(tf1_model("ssd_mobilenet_v2").frozen_graph)) is None


@contextmanager
def _scope(name: str) -> Iterator[None]:
    with tf.name_scope(f"{name}/"):
        yield


def _layer(values: tf.Tensor, scope: str, depth: int) -> tf.Tensor:
    with _scope(scope):
        kernel = tf.identity(tf.constant(0.1, shape=[values.shape[-1], depth]), name="weights/read")
        return tf.nn.bias_add(tf.linalg.matmul(values, kernel), tf.zeros([depth]), name="BiasAdd")


def _heads(values: tf.Tensor, scope: str, layers: dict[str, int]) -> list[tf.Tensor]:
    """The layers of a predictor, each reshaped in its scope and read outside."""
    found = []
    for output, (layer, depth) in zip(OUTPUTS, layers.items(), strict=True):
        outputs = _layer(values, f"{scope}/{layer}", depth)
        with _scope(scope):
            found.append(tf.reshape(outputs, [-1, depth], name=output))
    return [tf.squeeze(tf.expand_dims(value, 0)) for value in found]


def _first_stage() -> tuple[tf.Tensor, tf.Tensor]:
    """Features [1, 8, 8, 4], and proposals [5, 4] that come of the predictions for them."""
    image = tf.compat.v1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
    with _scope("Preprocessor"):
        values = tf.subtract(tf.cast(image, tf.float32), 128.0, name="sub")
    with _scope("FirstStageFeatureExtractor"):
        features = tf.nn.relu(tf.ensure_shape(tf.concat([values, values], -1)[..., :4], [1, 8, 8, 4]), "Relu")
    heads = _heads(
        tf.reshape(features, [64, 4]),
        "FirstStageBoxPredictor",
        {"BoxEncodingPredictor": 4, "ClassPredictor": 2},
    )
    return features, tf.identity(heads[0][:5] * heads[1][:5, :1], name="proposals")


def _crop(features: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    return tf.image.crop_and_resize(features, boxes, tf.zeros([5], tf.int32), [2, 2])


def _crop_by_matrices(features: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    """With the names of use_matmul_crop_and_resize, and something like its connections."""
    with _scope("MultiLevelMatMulCropAndResize/MultiLevelRoIAlign"):
        levels = tf.expand_dims(features, 1, name="ExpandDims")
        cells = tf.multiply(boxes, tf.cast(tf.shape(features)[1] - 1, tf.float32), name="mul")
        return levels[0, :, :2, :2] * tf.reduce_sum(cells, axis=1)[:, tf.newaxis, tf.newaxis, tf.newaxis]


def _faster_rcnn(crop: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = _crop) -> tf.Tensor:
    features, proposals = _first_stage()
    with _scope("SecondStageFeatureExtractor"):
        values = tf.nn.relu(crop(features, proposals))
    heads = _heads(
        tf.reduce_mean(values, [1, 2]),
        "SecondStageBoxPredictor",
        {"BoxEncodingPredictor": 8, "ClassPredictor": 3},
    )
    return tf.identity(heads[0][:, :4] * heads[1][:, :1], name="detection_boxes")


def _faster_rcnn_by_matrices() -> None:
    _faster_rcnn(_crop_by_matrices)


def _mask_rcnn() -> None:
    boxes = _faster_rcnn()
    features = tf.compat.v1.get_default_graph().get_tensor_by_name("FirstStageFeatureExtractor/Relu:0")
    with _scope("SecondStageFeatureExtractor_1"):
        values = tf.nn.relu(_crop(features, boxes))
    with _scope("SecondStageBoxPredictor_1"):
        masks = tf.sigmoid(_layer(tf.reshape(values, [20, 4]), "SecondStageBoxPredictor_1/Conv", 1))
    tf.identity(masks, name="detection_masks")


def _rfcn() -> None:
    features, proposals = _first_stage()
    with _scope("SecondStageFeatureExtractor"):
        values = tf.reshape(tf.nn.relu(features), [64, 4])
    found = []
    layers = {"refined_locations": 8, "class_predictions": 3}
    for output, (layer, depth) in zip(OUTPUTS, layers.items(), strict=True):
        maps = _layer(values, f"SecondStageBoxPredictor/{layer}", depth)
        with _scope("SecondStageBoxPredictor"):
            crops = _crop(tf.reshape(maps, [1, 8, 8, depth]), proposals)
            found.append(tf.reshape(tf.reduce_mean(crops, [1, 2]), [5, 1, depth], name=output))
    tf.identity(found[0][..., :4] * found[1][..., :1], name="detection_boxes")


def _graph(build) -> tf.compat.v1.GraphDef:
    with tf.Graph().as_default() as graph:
        build()
    return graph.as_graph_def()


@pytest.mark.parametrize("build", [_faster_rcnn, _faster_rcnn_by_matrices, _mask_rcnn, _rfcn])
@pytest.mark.parametrize("backwards", [False, True])
def test_finds_the_stages_whatever_the_order_of_nodes(build, backwards: bool) -> None:
    """Mask R-CNN's crop for its masks must not be taken for that of the proposals."""
    graph_def = _graph(build)
    if backwards:
        nodes = list(reversed(graph_def.node))
        graph_def = tf.compat.v1.GraphDef(node=nodes, versions=graph_def.versions)
    found = find_two_stage_tensors(graph_def)
    assert found is not None
    assert found.by_name() == {
        "preprocessed": "Preprocessor/sub:0",
        "features": "FirstStageFeatureExtractor/Relu:0",
        "rpn_box_encodings": "FirstStageBoxPredictor/boxes:0",
        "rpn_objectness_predictions_with_background": "FirstStageBoxPredictor/classes:0",
        "anchors": None,  # these small graphs have none
        "proposal_boxes_normalized": "proposals:0",
        "refined_box_encodings": "SecondStageBoxPredictor/boxes:0",
        "class_predictions_with_background": "SecondStageBoxPredictor/classes:0",
    }


@pytest.mark.parametrize("missing", ["class_predictions", "refined_locations"])
def test_a_graph_without_a_head_is_none(missing: str) -> None:
    graph_def = _graph(_rfcn)
    for node in graph_def.node:
        if node.name == f"SecondStageBoxPredictor/{missing}/BiasAdd":
            node.op = "Add"
    assert find_two_stage_tensors(graph_def) is None
