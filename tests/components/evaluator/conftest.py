"""A detector that finds coloured rectangles, pictures of them, and the records of a run."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import tensorflow as tf
from PIL import Image, ImageDraw

COLORS = {"stop": (220, 20, 40), "yield": (240, 200, 20), "priority_road": (30, 90, 220)}
LABEL_MAP = "\n".join(f"item {{ id: {i} name: '{name}' }}" for i, name in enumerate(COLORS, start=1))


class ColorDetector(tf.Module):
    """Finds at most one rectangle of each colour; with `shift`, its boxes lie that far to the right.

    With `masks`, each mask is the part of its box above this share of the height.
    """

    def __init__(
        self, names: Sequence[str], shift: float = 0.0, score: float = 0.9, masks: float | None = None
    ) -> None:
        super().__init__()
        self.masks = masks
        self.colors = tf.Variable([COLORS.get(name, (255, 255, 255)) for name in names], dtype=tf.float32)
        self.shift, self.score = shift, score

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="input_tensor")])
    def serve(self, input_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        pixels = tf.cast(input_tensor, tf.float32)[:, None]
        there = tf.reduce_all(tf.abs(pixels - self.colors[None, :, None, None]) < 40, axis=-1)  # [B,C,H,W]
        ymin, ymax = self._span(tf.reduce_any(there, axis=3))
        xmin, xmax = self._span(tf.reduce_any(there, axis=2))
        found = tf.reduce_any(there, axis=[2, 3])
        scores = tf.where(found, self.score, 0.0)
        batch, classes = tf.shape(scores)[0], tf.shape(scores)[1]
        outputs = {
            "detection_boxes": tf.stack([ymin, xmin + self.shift, ymax, xmax + self.shift], axis=-1),
            "detection_scores": scores,
            "detection_classes": tf.tile(tf.range(1, classes + 1, dtype=tf.float32)[None], [batch, 1]),
            "num_detections": tf.fill([batch], tf.cast(classes, tf.float32)),
        }
        if self.masks is not None:
            above = tf.cast(tf.range(20) < round(20 * self.masks), tf.float32)
            mask = tf.broadcast_to(above[:, None], [20, 20])
            outputs["detection_masks"] = tf.tile(mask[None, None], [batch, classes, 1, 1])
        return outputs

    @staticmethod
    def _span(line: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """First and last True of [B, C, n] as fractions of n."""
        size = tf.shape(line, tf.int64)[-1]
        first = tf.argmax(tf.cast(line, tf.int32), axis=-1)
        last = size - tf.argmax(tf.cast(line[..., ::-1], tf.int32), axis=-1)
        return tuple(tf.cast(end, tf.float32) / tf.cast(size, tf.float32) for end in (first, last))


@pytest.fixture(scope="session")
def save_detector() -> Callable[..., Path]:
    """Export a ColorDetector into DIRECTORY/saved_model with a label map beside it, and return DIRECTORY."""

    def save(directory: Path, names: Sequence[str], **options: float) -> Path:
        module = ColorDetector(names, **options)
        tf.saved_model.save(module, str(directory / "saved_model"), {"serving_default": module.serve})
        items = [f"item {{ id: {i} name: '{name}' }}" for i, name in enumerate(names, start=1)]
        (directory / "label_map.pbtxt").write_text("\n".join(items))
        return directory

    return save


def draw(size: tuple[int, int], boxes: dict[str, tuple[int, int, int, int]], noise: int) -> bytes:
    """A PNG of `size` (width, height) with one rectangle (xmin, ymin, xmax, ymax in px) for each name."""
    image = Image.new("RGB", size, (110 + noise, 120, 110))
    for name, (xmin, ymin, xmax, ymax) in boxes.items():
        ImageDraw.Draw(image).rectangle((xmin, ymin, xmax - 1, ymax - 1), fill=COLORS[name])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def encode(
    filename: str,
    size: tuple[int, int],
    boxes: dict[str, tuple[int, int, int, int]],
    noise: int,
    masks: bool = False,
) -> bytes:
    """A tf.train.Example in the OD API's feature schema; masks fill their boxes."""
    width, height = size
    sides = {"xmin": (0, width), "ymin": (1, height), "xmax": (2, width), "ymax": (3, height)}
    features = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[draw(size, boxes, noise)])),
        "image/filename": tf.train.Feature(bytes_list=tf.train.BytesList(value=[filename.encode()])),
        "image/object/class/text": tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[name.encode() for name in boxes])
        ),
    }
    for side, (index, length) in sides.items():
        values = [box[index] / length for box in boxes.values()]
        features[f"image/object/bbox/{side}"] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    if masks:
        pictures = [mask_png(size, box) for box in boxes.values()]
        features["image/object/mask"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=pictures))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def mask_png(size: tuple[int, int], box: tuple[int, int, int, int]) -> bytes:
    """A grey PNG of `size` (width, height), white in the box."""
    xmin, ymin, xmax, ymax = box
    image = Image.new("L", size)
    ImageDraw.Draw(image).rectangle((xmin, ymin, xmax - 1, ymax - 1), fill=255)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="session")
def write_examples() -> Callable[..., list[Path]]:
    """Write `count` labelled pictures into two gzipped TFRecord shards and return them."""

    def write(
        directory: Path,
        count: int,
        sizes: Sequence[tuple[int, int]] = ((400, 300), (300, 400)),
        masks: bool = False,
    ) -> list[Path]:
        chance = random.Random(3)
        records = []
        for number in range(count):
            size = sizes[number % len(sizes)]
            boxes = {}
            for slot, name in enumerate(chance.sample(sorted(COLORS), chance.randint(1, 3))):
                left = slot * size[0] // 3 + chance.randint(0, 20)  # a third each: no overlap
                top = chance.randint(0, size[1] // 2)
                extent = chance.randint(40, size[0] // 3 - 20)
                boxes[name] = (left, top, left + extent, top + extent)
            records.append(encode(f"street_{number:03}.png", size, boxes, number % 20, masks))
        directory.mkdir(parents=True, exist_ok=True)
        files = [directory / f"examples-0000{shard}-of-00002.tfrecord.gz" for shard in range(2)]
        for shard, path in enumerate(files):
            with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
                for record in records[shard::2]:
                    writer.write(record)
        return files

    return write


def statistics(count: int) -> dict:
    def split(images: int) -> dict:
        return {
            "images_read": images + 1,
            "images_written": images,
            "images_quarantined": 1,
            "boxes_read": 2 * images + 3,
            "boxes_written": 2 * images,
            "boxes_quarantined": 3,
            "boxes_by_class": dict.fromkeys(COLORS, images),
            "images_by_class": dict.fromkeys(COLORS, images // 2),
            "shards": 2,
        }

    splits = {"train": split(4 * count), "eval": split(count)}
    keys = [f"{what}_{how}" for what in ("images", "boxes") for how in ("read", "written", "quarantined")]
    totals = {key: sum(one[key] for one in splits.values()) for key in keys}
    return {**totals, "findings_by_code": {"DATA009": 6}, "splits": splits}


def quarantine_rows() -> list[dict]:
    return [
        {
            "file": f"train/street_{number:03}.jpg",
            "object": f"object {number % 3 + 1}" if number < 6 else None,
            "code": "DATA009" if number < 6 else "DATA001",
            "rule": "a box without area" if number < 6 else "the image can't be decoded",
            "action": "quarantined",
            "detail": "xmin = xmax = 118" if number < 6 else "truncated after 5,120 of 18,204 bytes",
        }
        for number in range(8)
    ]


FINDING = {
    "code": "CFG001",
    "severity": "warning",
    "message": "num_classes is 1, the label map has 3",
    "location": "pipeline.config:3",
    "reason": "the class head must have a column for each class",
    "fix": "set num_classes: 3",
    "safe": True,
}
DIFF = "--- pipeline.config\n+++ resolved\n@@ -3 +3 @@\n-    num_classes: 1\n+    num_classes: 3\n"


def conversion() -> dict:
    blocks = [("backbone", 260, 260), ("feature_maps", 40, 40), ("box_head", 36, 36), ("class_head", 36, 24)]
    return {
        "source": "frozen_inference_graph.pb",
        "kind": "frozen_graph",
        "architecture": "ssd_mobilenet_v2",
        "num_classes_checkpoint": 1,
        "num_classes_model": 3,
        "class_head": {
            "how": "name",
            "classes_before": 1,
            "classes_after": 3,
            "rows": [{"id": i + 1, "name": name, "source_id": None} for i, name in enumerate(COLORS)],
            "left_behind": ["person"],
        },
        "blocks": [
            {"block": b, "wanted": w, "loaded": n, "fresh": w - n, "dropped": 0} for b, w, n in blocks
        ],
        "variables_total": 372,
        "variables_loaded": 360,
        "variables": [
            {
                "name": f"BoxPredictor_{i}/ClassPredictor/{kind}",
                "block": "class_head",
                "state": "fresh",
                "reason": "another number of classes: fresh values",
                "hash_before": "0f",
                "hash_after": "1f",
            }
            for i in range(6)
            for kind in ("weights", "biases")
        ]
        + [
            {
                "name": "global_step",
                "block": "training_state",
                "state": "dropped",
                "reason": "bookkeeping of the training",
                "hash_before": None,
                "hash_after": None,
            }
        ],
        "notes": [],
        "proof": {
            "images": 4,
            "image_source": "the training set",
            "max_difference_raw": 2.3e-6,
            "max_difference_boxes": 1.1e-6,
            "max_difference_scores": 7.5e-7,
            "matched_detections": 57,
            "tolerance": 1e-4,
            "passed": True,
            "tensors": [
                {
                    "block": "box_head",
                    "tensor": "box_encodings",
                    "max_absolute": 9.5e-6,
                    "max_relative": 2.3e-6,
                }
            ],
        },
        "seconds": 11.5,
    }


def training() -> dict:
    chance = random.Random(1)
    history: list[dict[str, float]] = [
        {"step": step, "loss": 0.6 + 4.2 * 0.988**step + chance.uniform(-0.2, 0.2), "learning_rate": 0.01}
        for step in range(2, 402, 2)
    ]
    for row in history[19::20]:
        row["eval_loss"] = row["loss"] + 0.3
    return {
        "steps": 400,
        "batch_size": 8,
        "history": history,
        "seconds": 192.4,
        "images_per_second": 16.6,
        "learning_rate": 0.01,
        "resumed_from": None,
        "exported_step": 400,
        "exported_weights": "values",
        "stopped_early": False,
        "train_images": 240,
        "eval_images": 60,
        "variables_trained": 96,
        "variables_frozen": 120,
        "augmentations": ["random_horizontal_flip", "ssd_random_crop"],
        "not_applied": [],
        "device": "CPU",
        "search": None,
        "sweep": None,
    }


@pytest.fixture(scope="session")
def run_root(
    tmp_path_factory: pytest.TempPathFactory,
    save_detector: Callable[..., Path],
    write_examples: Callable[..., list[Path]],
) -> Path:
    """The outputs of every node before the Evaluator: examples, model, converted, resolved, quarantine."""
    root = tmp_path_factory.mktemp("run")
    write_examples(root / "examples" / "Split-eval", 24)
    save_detector(root / "model", list(COLORS))
    save_detector(root / "converted", ["person"])
    (root / "converted" / "label_map.pbtxt").unlink()
    (root / "converted" / "report.json").write_text(json.dumps(conversion()))
    (root / "model" / "training.json").write_text(json.dumps(training()))
    (root / "model" / "pipeline.config").write_text("model { ssd { num_classes: 3 } }\n")
    for name in ("resolved", "quarantine", "evaluation", "blessing"):
        (root / name).mkdir()
    (root / "resolved" / "label_map.pbtxt").write_text(LABEL_MAP)
    (root / "resolved" / "findings.json").write_text(json.dumps([FINDING]))
    (root / "resolved" / "changes.diff").write_text(DIFF)
    (root / "quarantine" / "statistics.json").write_text(json.dumps(statistics(24)))
    rows = [json.dumps(row) + "\n" for row in quarantine_rows()]
    (root / "quarantine" / "quarantine.jsonl").write_text("".join(rows))
    return root
