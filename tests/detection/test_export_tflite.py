"""TFLite models against the detectors they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from detection import boxes as box_ops
from detection.builder import build_detector
from detection.config.pipeline_config import read_pipeline_config
from detection.detector import Detector
from detection.errors import BadInput
from detection.export_tflite import OUTPUTS, export_tflite, file_name, require_convertible
from detection.ssd import SSD

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
PEDESTRIAN = DATA / "models" / "pedestrian_ssdlite_mobilenet_v2"
CONFIGS = DATA / "configs" / "upstream" / "samples" / "configs"
PHOTOS = DATA / "datasets" / "microcontrollers_voc" / "images"
SUFFIXES = {"kernel": "weights", "bias": "biases", "depthwise_kernel": "depthwise_weights"}
FILES = {kind: file_name(kind) for kind in ("float32", "float16", "int8")}

Detections = dict[str, np.ndarray]


class Interpreter:
    """A TFLite model on standard operations, run on one image."""

    def __init__(self, file: Path) -> None:
        self.lite = tf.lite.Interpreter(str(file))
        self.lite.allocate_tensors()
        (self.input,) = self.lite.get_input_details()
        self.outputs = self.lite.get_output_details()

    def detect(self, pixels: np.ndarray) -> Detections:
        """In `[1, H, W, 3]` of 0 to 255; boxes clipped and classes from 1, as the SavedModel gives them."""
        if self.input["dtype"] == np.uint8:
            pixels = np.round(pixels)
        self.lite.set_tensor(self.input["index"], pixels.astype(self.input["dtype"]))
        self.lite.invoke()
        values = [self.lite.get_tensor(output["index"])[0] for output in self.outputs]
        found = dict(zip(OUTPUTS, values, strict=True))
        count = int(found.pop("num_detections"))
        found = {name: rows[:count] for name, rows in found.items()}
        boxes = np.clip(found["detection_boxes"], 0.0, 1.0)
        return found | {"detection_boxes": boxes, "detection_classes": found["detection_classes"] + 1}

    @property
    def operations(self) -> set[str]:
        return {operation["op_name"] for operation in self.lite._get_ops_details()}


def detect(model: SSD, image: np.ndarray) -> Detections:
    """The detector's own detections, without padding."""
    found = {name: value.numpy()[0] for name, value in model.detect(image[np.newaxis]).items()}
    count = int(found["num_detections"])
    return {name: found[name][:count] for name in OUTPUTS[:3]}


def resized(model: SSD, image: np.ndarray) -> np.ndarray:
    return model.resizer.resize(image[np.newaxis]).numpy()


def assert_equal(found: Detections, wanted: Detections, atol: float) -> None:
    """The same rows, of equal scores in any order."""
    assert len(found["detection_scores"]) == len(wanted["detection_scores"])
    for rows in (found, wanted):
        keys = [rows["detection_classes"], *np.round(rows["detection_boxes"].T, 3)]
        order = np.lexsort([*keys, -np.round(rows["detection_scores"], 4)])
        rows.update({name: values[order] for name, values in rows.items()})
    for name in OUTPUTS[:3]:
        np.testing.assert_allclose(found[name], wanted[name], atol=atol, err_msg=name)


def agreement(found: Detections, wanted: Detections, score: float) -> list[tuple[float, float]]:
    """Of each wanted detection from `score` on: the best overlap in its class, the scores' difference."""
    pairs = []
    for index in np.flatnonzero(wanted["detection_scores"] >= score):
        same = np.flatnonzero(found["detection_classes"] == wanted["detection_classes"][index])
        box = tf.constant(wanted["detection_boxes"][index][np.newaxis])
        overlaps = box_ops.iou(box, tf.constant(found["detection_boxes"][same])).numpy()[0]
        best = int(np.argmax(overlaps))
        difference = found["detection_scores"][same[best]] - wanted["detection_scores"][index]
        pairs.append((float(overlaps[best]), float(abs(difference))))
    return pairs


def images(count: int) -> list[np.ndarray]:
    """Coloured rectangles on noise, of different sizes."""
    rng = np.random.default_rng(3)
    drawn = []
    for _ in range(count):
        height, width = rng.integers(80, 140, 2)
        image = rng.integers(60, 120, [height, width, 3], np.uint8)
        top, left = rng.integers(5, 30, 2)
        image[top : top + 40, left : left + 30] = rng.integers(0, 256, 3)
        drawn.append(image)
    return drawn


def fill(model: SSD) -> None:
    """Kernels that keep the values' spread from layer to layer, so that scores are of all sizes."""
    rng = np.random.default_rng(5)
    for variable in model.variables:
        if variable.path.endswith("kernel"):
            *window, inputs, _ = variable.shape
            fan_in = np.prod(window) * (1 if "depthwise" in variable.path else inputs)
            # Scores near to 1 would be equal, their order chance, and boxes would leave the image.
            gain = 0.1 if variable.path.endswith("Predictor/kernel") else 1.0
            variable.assign(rng.normal(0.0, gain * np.sqrt(2.0 / fan_in), variable.shape))


def test_tflite_models_detect_as_the_detector_does(small_detector: SSD, tmp_path: Path) -> None:
    fill(small_detector)
    drawn = images(12)

    def calibration() -> Iterator[np.ndarray]:
        return (resized(small_detector, image) for image in drawn)

    export_tflite(small_detector, list(FILES), tmp_path, calibration)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES.values())
    lite = {kind: Interpreter(tmp_path / file) for kind, file in FILES.items()}
    for one in lite.values():
        assert one.input["shape"].tolist() == [1, 96, 96, 3]
        assert [output["shape"].tolist() for output in one.outputs] == [[1, 20, 4], [1, 20], [1, 20], [1]]
        assert "TFLite_Detection_PostProcess" in one.operations
        assert not any(name.startswith("Flex") for name in one.operations)
    assert lite["float32"].input["dtype"] == lite["float16"].input["dtype"] == np.float32
    # int8 takes the pixels as they are too
    assert lite["int8"].input["dtype"] == np.uint8 and lite["int8"].input["quantization"] == (1.0, 0)
    for image in drawn[:4]:
        wanted, pixels = detect(small_detector, image), resized(small_detector, image)
        assert len(wanted["detection_scores"]) == 20
        assert_equal(lite["float32"].detect(pixels), wanted, atol=1e-4)
        for overlap, difference in agreement(lite["float16"].detect(pixels), wanted, 0.0):
            assert overlap > 0.97 and difference < 0.002
        scores = lite["int8"].detect(pixels)["detection_scores"]
        np.testing.assert_allclose(scores, wanted["detection_scores"], atol=0.05)


def test_soft_suppression_is_refused(small_config: Any) -> None:
    small_config.model.ssd.post_processing.batch_non_max_suppression.soft_nms_sigma = 0.5
    with pytest.raises(BadInput, match="soft") as refused:
        require_convertible(build_detector(small_config.model), small_config.model)
    assert "export.tflite" in refused.value.where


def test_a_detector_that_the_config_does_not_tell_apart_is_refused_all_the_same(small_config: Any) -> None:
    detector = Detector(num_classes=3, name="new")
    detector.no_native_model = "something new has no native model"
    with pytest.raises(BadInput, match="something new has no native model"):
        require_convertible(detector, small_config.model)


def photos(folder: str) -> list[np.ndarray]:
    return [np.asarray(Image.open(path).convert("RGB")) for path in sorted((PHOTOS / folder).glob("*.jpg"))]


def pedestrian() -> SSD:
    """The real detector with its TF1 checkpoint's values."""
    config = read_pipeline_config(CONFIGS / "ssdlite_mobilenet_v2_coco.config")
    detector = build_detector(config.model, num_classes=1)
    reader = tf.train.load_checkpoint(str(PEDESTRIAN / "model.ckpt"))
    for variable in detector.variables:
        scope, last = variable.path.split("/", 1)[1].rsplit("/", 1)
        variable.assign(reader.get_tensor(f"{scope}/{SUFFIXES.get(last, last)}"))
    return detector


@pytest.mark.slow
@pytest.mark.skipif(not PEDESTRIAN.exists(), reason="../shared/data is not here")
def test_a_real_detector_sees_the_same_on_real_photographs(tmp_path: Path) -> None:
    detector = pedestrian()
    skimage_data = pytest.importorskip("skimage.data")  # none of the other photographs shows a person
    train = photos("train")
    seen = [*photos("test"), *train[60:90], skimage_data.astronaut()]
    calibrating = [resized(detector, image) for image in train[:60]]
    export_tflite(detector, list(FILES), tmp_path, lambda: calibrating)
    lite = {kind: Interpreter(tmp_path / file) for kind, file in FILES.items()}
    pairs: dict[str, list[tuple[float, float]]] = {kind: [] for kind in FILES}
    for image in seen:
        wanted, pixels = detect(detector, image), resized(detector, image)
        found = {kind: one.detect(pixels) for kind, one in lite.items()}
        assert_equal(found["float32"], wanted, atol=1e-4)
        for kind in ("float16", "int8"):
            pairs[kind] += agreement(found[kind], wanted, 0.05) + agreement(wanted, found[kind], 0.05)
    for kind, least_overlap, most_difference in (("float16", 0.98, 0.01), ("int8", 0.85, 0.06)):
        overlaps, differences = np.array(pairs[kind]).T
        print(f"{kind}: {len(overlaps)} pairs, overlap {overlaps.min():.3f}, scores {differences.max():.4f}")
        assert len(overlaps) >= 15 and overlaps.min() > least_overlap and differences.max() < most_difference
    sizes = {kind: (tmp_path / file).stat().st_size for kind, file in FILES.items()}
    assert sizes["float16"] < 0.52 * sizes["float32"] and sizes["int8"] < 0.33 * sizes["float32"]


@pytest.mark.slow
@pytest.mark.skipif(not PHOTOS.exists(), reason="../shared/data is not here")
@pytest.mark.parametrize(
    "name",
    [
        "ssd_mobilenet_v2_coco",
        "ssd_inception_v2_coco",
        "ssdlite_mobilenet_v3_small_320x320_coco",
        "ssd_mobilenet_v1_fpn_shared_box_predictor_640x640_coco14_sync",
    ],
)
def test_architectures_of_the_zoo_detect_as_the_detector_does(name: str, tmp_path: Path) -> None:
    detector = build_detector(read_pipeline_config(CONFIGS / f"{name}.config").model)
    fill(detector)
    export_tflite(detector, ["float32"], tmp_path, list)
    lite = Interpreter(tmp_path / FILES["float32"])
    for image in photos("test")[:2]:
        assert_equal(lite.detect(resized(detector, image)), detect(detector, image), atol=1e-4)
