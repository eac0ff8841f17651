"""One image record -> one tf.train.Example in the Object Detection API's schema, or the reason why not."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from components.example_gen.check import check_boxes, frame_of_boxes
from components.example_gen.decode import DecodedImage, UndecodableImage, decode_image, turn_box
from components.example_gen.records import DataOptions, Finding, GoodBox, ImageRecord
from detection.config.label_map import LabelMap


@dataclass
class Outcome:
    """What became of one record; `example` is None where the image was set aside."""

    split: str
    name: str
    sha256: str = ""  # of the file as it was read
    boxes_read: int = 0
    findings: list[Finding] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)  # of the boxes written
    example: bytes | None = None

    def row(self) -> dict[str, Any]:
        """The JSON form without the image."""
        return {
            "split": self.split,
            "name": self.name,
            "sha256": self.sha256,
            "boxes_read": self.boxes_read,
            "findings": [finding.row() for finding in self.findings],
            "labels": dict(self.labels),
            "written": self.example is not None,
        }


def examine(record: ImageRecord, options: DataOptions, label_map: LabelMap) -> Outcome:
    """Reads, checks and encodes one record; a fault of the data never raises, it becomes a finding."""
    outcome = Outcome(record.split or "train", record.name, boxes_read=len(record.boxes))

    def set_aside(code: str, detail: str) -> Outcome:
        outcome.findings.append(Finding(record.name, None, code, "quarantined", detail))
        return outcome

    if record.image is not None:
        try:
            data = record.image.read_bytes()
        except OSError as error:
            return set_aside("DATA001", f"it can't be read: {error.strerror}")
        outcome.sha256 = hashlib.sha256(data).hexdigest()
        outcome.split = record.split or split_of(outcome.sha256, options.eval_fraction)
    if record.problem is not None:
        outcome.findings.append(record.problem)
        return outcome
    if record.image is None:
        source = record.annotation.name if record.annotation else "?"
        return set_aside("DATA002", f"{source} has {len(record.boxes)} boxes, but its image isn't there")
    try:
        image = decode_image(data)
    except UndecodableImage as error:
        return set_aside("DATA001", str(error))
    outcome.findings += [Finding(record.name, None, *change) for change in image.changes]
    frame, turned, finding = frame_of_boxes(record, image.stored_size, image.size)
    outcome.findings += [finding] if finding else []
    if frame is None:
        return outcome
    boxes, findings = check_boxes(record, frame, label_map)
    outcome.findings += findings
    if turned:
        boxes = [turn_box(box, image.orientation) for box in boxes]
    if record.boxes and not boxes:
        # as a negative it would teach that the objects in it are background
        return set_aside("DATA015", f"{len(record.boxes)} annotated, none usable")
    if record.annotation is None:
        outcome.findings.append(
            Finding(record.name, None, "DATA003", "kept", "kept as a picture of no object")
        )
    outcome.labels.update(box.label for box in boxes)
    outcome.example = to_example(record.name, image, boxes).SerializeToString(deterministic=True)
    return outcome


def split_of(sha256: str, eval_fraction: float) -> str:
    """The split of an image, from its content alone: data that grows never moves an image across."""
    return "eval" if int(sha256[:13], 16) / 16**13 < eval_fraction else "train"


def to_example(name: str, image: DecodedImage, boxes: list[GoodBox]) -> tf.train.Example:
    """The schema of object_detection/data_decoders/tf_example_decoder.py: boxes normalised, labels from 1."""
    width, height = image.size
    features = {
        "image/encoded": _bytes([image.encoded]),
        "image/filename": _bytes([name.encode()]),
        "image/format": _bytes([image.format.encode()]),
        "image/height": _ints([height]),
        "image/key/sha256": _bytes([hashlib.sha256(image.encoded).hexdigest().encode()]),
        "image/object/bbox/xmax": _floats([box.xmax for box in boxes]),
        "image/object/bbox/xmin": _floats([box.xmin for box in boxes]),
        "image/object/bbox/ymax": _floats([box.ymax for box in boxes]),
        "image/object/bbox/ymin": _floats([box.ymin for box in boxes]),
        "image/object/class/label": _ints([box.label_id for box in boxes]),
        "image/object/class/text": _bytes([box.label.encode() for box in boxes]),
        "image/object/difficult": _ints([int(box.difficult) for box in boxes]),
        "image/object/truncated": _ints([int(box.truncated) for box in boxes]),
        "image/source_id": _bytes([name.encode()]),
        "image/width": _ints([width]),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def _bytes(values: list[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _ints(values: list[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _floats(values: list[float]) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))
