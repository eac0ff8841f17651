from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from detection.errors import BadInput
from detection.tf1.frozen_graph import (
    DETECTIONS,
    FrozenDetector,
    frozen_variables,
    load_frozen_graph,
)


@pytest.mark.parametrize("name", ["ssd_mobilenet_v2", "ssd_mobilenet_v1_fpn", "ssd_mobilenet_v1_training"])
def test_runs_as_tf_1_15_did(tf1_model, name):
    model = tf1_model(name)
    outputs = FrozenDetector(load_frozen_graph(model.frozen_graph)).run(model.arrays["image"])
    for key in ("box_encodings", "class_predictions_with_background"):
        scale = np.abs(model.arrays[key]).max()
        np.testing.assert_allclose(outputs[key], model.arrays[key], rtol=0, atol=1e-5 * scale)
    for key in ("detection_boxes", "detection_scores", "detection_classes", "num_detections"):
        np.testing.assert_allclose(outputs[key], model.arrays[key], rtol=0, atol=1e-5)


def test_runs_a_two_stage_detector_without_raw_predictions(tf1_model):
    model = tf1_model("faster_rcnn_inception_v2")
    detector = FrozenDetector(load_frozen_graph(model.frozen_graph))
    outputs = detector.run(model.arrays["image"])
    assert detector.raw is None
    assert "box_encodings" not in outputs
    np.testing.assert_allclose(outputs["detection_boxes"], model.arrays["detection_boxes"], atol=1e-5)


def test_fetches_inner_tensors(tf1_model):
    model = tf1_model("ssd_mobilenet_v1")
    detector = FrozenDetector(load_frozen_graph(model.frozen_graph))
    values = detector.fetch([detector.raw.preprocessed], model.arrays["image"])
    np.testing.assert_array_equal(values[detector.raw.preprocessed], model.arrays["preprocessed"])


def test_several_images_give_what_each_gives_alone(tf1_model):
    model = tf1_model("ssd_mobilenet_v1")
    detector = FrozenDetector(load_frozen_graph(model.frozen_graph))
    image = model.arrays["image"]
    both = detector.run(np.concatenate([image[:, ::-1], image]))
    assert both["detection_boxes"].shape[0] == 2
    np.testing.assert_array_equal(both["box_encodings"][1:], detector.run(image)["box_encodings"])


def test_variables_equal_the_checkpoint_they_were_frozen_from(pedestrian):
    variables = frozen_variables(load_frozen_graph(pedestrian / "frozen_inference_graph.pb"))
    reader = tf.train.load_checkpoint(str(pedestrian / "model.ckpt"))
    assert set(variables) == set(reader.get_variable_to_shape_map())
    assert len(variables) == 404
    assert all(np.array_equal(array, reader.get_tensor(name)) for name, array in variables.items())


def test_frozen_variables_are_the_moving_averages(tf1_model):
    model = tf1_model("ssd_mobilenet_v1_training")
    name = "BoxPredictor_0/ClassPredictor/weights"
    frozen = frozen_variables(load_frozen_graph(model.frozen_graph))[name]
    reader = tf.train.load_checkpoint(model.prefix)
    np.testing.assert_array_equal(frozen, reader.get_tensor(name + "/ExponentialMovingAverage"))
    assert not np.array_equal(frozen, reader.get_tensor(name))


def _graph(build) -> tf.compat.v1.GraphDef:
    with tf.Graph().as_default() as graph:
        build()
    return graph.as_graph_def()


def test_missing_file(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        load_frozen_graph(tmp_path / "frozen_inference_graph.pb")


@pytest.mark.parametrize("share", [0.3, 0.999])
def test_a_file_cut_off(tmp_path, pedestrian, share):
    whole = (pedestrian / "frozen_inference_graph.pb").read_bytes()
    path = tmp_path / "cut.pb"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadInput, match="ends early") as error:
        load_frozen_graph(path)
    assert str(path) in str(error.value)


def test_a_file_cut_off_between_two_nodes(tmp_path):
    graph_def = _graph(lambda: tf.identity(tf.constant(1.0, name="first"), name="second"))
    del graph_def.node[0]
    path = tmp_path / "cut.pb"
    path.write_bytes(graph_def.SerializeToString())
    with pytest.raises(BadInput, match="second, read"):
        load_frozen_graph(path)


@pytest.mark.parametrize(("content", "what"), [(b"", "no nodes"), (b"\x00\xff" * 40, "ends early")])
def test_no_graph_at_all(tmp_path, content, what):
    path = tmp_path / "graph.pb"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=what):
        load_frozen_graph(path)


def test_a_graph_with_variables_is_not_frozen(tmp_path):
    def build() -> None:
        tf.compat.v1.get_variable("v", [1], use_resource=True)

    path = tmp_path / "graph.pb"
    path.write_bytes(_graph(build).SerializeToString())
    with pytest.raises(BadInput, match="not frozen"):
        load_frozen_graph(path)


def test_a_graph_that_is_no_detector():
    with pytest.raises(BadInput, match="no image_tensor, detection_boxes"):
        FrozenDetector(_graph(lambda: tf.constant(1.0)))


def _remembering() -> None:
    placeholder = tf.compat.v1.placeholder
    images = placeholder(tf.uint8, [1, None, None, 3], "image_tensor")
    features = placeholder(tf.float32, [1, 4, 3], "context_features")
    valid = placeholder(tf.int32, [1], "valid_context_size")
    seen = tf.reduce_sum(tf.cast(images, tf.float32)) + tf.reduce_sum(features) + tf.cast(valid, tf.float32)
    for name in DETECTIONS:
        tf.identity(seen, name)


def test_a_memory_is_fed_beside_the_image():
    detector = FrozenDetector(_graph(_remembering))
    assert detector.context_shape == (4, 3)
    images = np.ones([2, 5, 1, 3], np.uint8)
    memory = {
        "context_features": np.stack([np.full([4, 3], 2.0), np.zeros([4, 3])]),
        "valid_context_size": np.array([4, 1]),
    }
    found = detector.fetch(["detection_boxes:0"], images, memory)["detection_boxes:0"]
    np.testing.assert_array_equal(found, [15 + 24 + 4, 15 + 1])


def test_a_graph_that_tensorflow_can_not_load(pedestrian):
    """An op that this TensorFlow has not (tf.contrib's, a plug-in's) is no traceback."""
    graph_def = load_frozen_graph(pedestrian / "frozen_inference_graph.pb")
    next(node for node in graph_def.node if node.op == "Relu6").op = "AnOpOfContrib"
    with pytest.raises(
        BadInput, match="can't load the graph: Op type not registered 'AnOpOfContrib'"
    ) as error:
        FrozenDetector(graph_def, "model.pb")
    assert error.value.where == "model.pb" and "the checkpoint" in error.value.fix
