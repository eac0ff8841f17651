"""An SSD as TFLite models: the network with TFLite's own operation for detections behind it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from flatbuffers import flexbuffers
from tensorflow.lite.tools import flatbuffer_utils
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from detection import boxes as box_ops
from detection.config.tflite import Obstacle, tflite_obstacle
from detection.detector import Detector, Tensors
from detection.errors import BadInput
from detection.postprocess import SCORE_CONVERTERS
from detection.ssd import SSD

Kind = Literal["float32", "float16", "int8"]

# In the order in which TFLITE_DETECTION_POSTPROCESS gives them; TF1's exports had that order too.
OUTPUTS = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")

INPUT = "input_tensor"

_POSTPROCESSING = "TFLite_Detection_PostProcess"


def file_name(kind: Kind) -> str:
    """The name of a TFLite file."""
    return f"model_{kind}.tflite"


def require_convertible(model: Detector, config: Any) -> SSD:
    """Returns `model`, built from the `DetectionModel` proto `config`, which TFLite can run.

    Raises:
      BadInput: `tflite_obstacle` of the config.
    """
    obstacle = tflite_obstacle(config)
    if obstacle is None and isinstance(model, SSD):
        return model
    obstacle = obstacle or Obstacle(str(model.no_native_model), "model", "leave export.tflite out")
    raise BadInput(
        f"this model can't become a TFLite model: {obstacle.reason}",
        f"export.tflite and {obstacle.field}",
        obstacle.fix,
    )


def export_tflite(
    model: SSD, kinds: Sequence[Kind], directory: Path, calibration: Callable[[], Iterable[np.ndarray]]
) -> None:
    """Writes a file into `directory` for each of `kinds`.

    The input is one image as `model.resizer` gives it, `[1, H, W, 3]` with values 0 to 255, whose
    normalisation is part of the model: float32, and uint8 for int8. Weights of float16 are stored in half
    precision. Outputs are float32, M = max_total_detections: boxes `[1, M, 4]`, not clipped to the image;
    classes `[1, M]`, from 0 for the class with id 1; scores `[1, M]`; their number `[1]`.

    Detections come from the operation that the OD API's TFLite exporters used, with per-class non-maximum
    suppression. Every standard TFLite runtime has it; none of TensorFlow's own operations is needed.

    Args:
      model: convertible (see require_convertible).
      kinds: what the numbers in the network are.
      directory: where to write; made if absent.
      calibration: images as the input takes them, float32, that tell int8 the ranges of all values.
    """
    directory.mkdir(parents=True, exist_ok=True)
    module = _TfliteDetector(model)
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        # Through a SavedModel: the converter knows the operation for a function's only from there.
        tf.saved_model.save(module, scratch, signatures=module.detect)
        for kind in kinds:
            converter = tf.lite.TFLiteConverter.from_saved_model(scratch)
            if kind != "float32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if kind == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if kind == "int8":
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
                converter.representative_dataset = lambda: ([image] for image in calibration())
                converter.inference_input_type = tf.uint8
            content = _completed(converter.convert(), model)
            (directory / file_name(kind)).write_bytes(content)


class _TfliteDetector(tf.Module):
    """The network with its weights as constants, then the operation."""

    def __init__(self, model: SSD) -> None:
        super().__init__()
        image = tf.TensorSpec([1, *model.image_size, 3], tf.float32, name=INPUT)
        # The operation's stand-in does nothing: freezing the whole would remove the network as unused.
        predict = tf.function(lambda pixels: _predict(model, pixels), autograph=False)
        network = convert_variables_to_constants_v2(predict.get_concrete_function(image))
        postprocess = _postprocessing(model)
        anchors = tf.stack(box_ops.center_size(tf.constant(model.anchors)), axis=-1)

        def detect(input_tensor: tf.Tensor) -> Tensors:
            encodings, scores = network(input_tensor)
            return dict(zip(OUTPUTS, postprocess(encodings, scores, anchors), strict=True))

        self.detect = tf.function(detect, autograph=False, input_signature=[image])


def _predict(model: SSD, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Box encodings `[1, A, 4]` and scores `[1, A, C + 1]`, background first, of one resized image."""
    predictions = model(model.feature_extractor.preprocess(pixels), training=False)
    logits = predictions["class_predictions_with_background"]
    postprocessor = model.postprocessor
    if postprocessor.logit_scale != 1.0:
        logits = logits * (1.0 / postprocessor.logit_scale)
    return predictions["box_encodings"], SCORE_CONVERTERS[postprocessor.score_converter](logits)


def _postprocessing(model: SSD) -> Callable[..., Sequence[tf.Tensor]]:
    """A function that the converter replaces by the operation, with outputs of its shapes."""
    nms, coder = model.postprocessor.nms, model.postprocessor.box_coder
    integers = {
        "max_detections": nms.max_total_detections,
        "max_classes_per_detection": 1,
        "num_classes": model.num_classes,
    }
    floats = {
        "nms_score_threshold": nms.score_threshold,
        "nms_iou_threshold": nms.iou_threshold,
        "y_scale": coder.y_scale,
        "x_scale": coder.x_scale,
        "h_scale": coder.height_scale,
        "w_scale": coder.width_scale,
    }
    values = [("use_regular_nms", "b: true")]
    values += [(name, f"i: {value}") for name, value in integers.items()]
    values += [(name, f"f: {value}") for name, value in floats.items()]
    attributes = " ".join(f'attr {{ key: "{name}" value {{ {value} }} }}' for name, value in values)

    @tf.function(autograph=False, experimental_implements=f'name: "{_POSTPROCESSING}" {attributes}')
    def stand_in(encodings: tf.Tensor, scores: tf.Tensor, anchors: tf.Tensor) -> Sequence[tf.Tensor]:
        # Names, so that equal constants stay four outputs.
        return (
            tf.zeros([1, nms.max_total_detections, 4], name="boxes"),
            tf.zeros([1, nms.max_total_detections], name="classes"),
            tf.zeros([1, nms.max_total_detections], name="scores"),
            tf.zeros([1], name="count"),
        )

    return stand_in


def _completed(content: bytes, model: SSD) -> bytes:
    """The converter's TFLite model with what it leaves out or shuffles.

    It hands the operation no detections_per_class, which would then be 100, and gives the outputs an order of
    its own.
    """
    tflite = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    (graph,), (signature,) = tflite.subgraphs, tflite.signatureDefs
    (operator,) = (one for one in graph.operators if one.customOptions is not None)
    options = flexbuffers.Loads(bytes(operator.customOptions))
    options["detections_per_class"] = model.postprocessor.nms.max_detections_per_class
    operator.customOptions = np.frombuffer(flexbuffers.Dumps(options), np.uint8)
    tensors = {output.name.decode(): output.tensorIndex for output in signature.outputs}
    graph.outputs = [tensors[name] for name in OUTPUTS]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(tflite))
