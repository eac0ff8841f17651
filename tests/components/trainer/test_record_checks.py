"""Records that can't be trained on are named before the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from google.protobuf import text_format

from components.trainer.record_checks import (
    Records,
    Wanted,
    examine_records,
    note_context,
    wanted_records,
)
from detection.config import protos
from detection.context import ContextShape
from detection.errors import BadInput

THREE = Wanted(3)
PNG = tf.io.encode_png(tf.zeros([2, 2, 1], tf.uint8)).numpy()


def example(name: str, labels: list[int], **changed: Any) -> tf.train.Example:
    """A record with an object for each of `labels`; `changed` features replace its own."""
    values: dict[str, Any] = {
        "image/source_id": [name.encode()],
        "image/encoded": [PNG],
        "image/object/class/label": labels,
    }
    values |= {f"image/object/bbox/{side}": [0.25] * len(labels) for side in ("ymin", "xmin")}
    values |= {f"image/object/bbox/{side}": [0.75] * len(labels) for side in ("ymax", "xmax")}
    written = tf.train.Example()
    for key, column in (values | changed).items():
        if column and isinstance(column[0], bytes):
            written.features.feature[key].bytes_list.value.extend(column)
        elif column and isinstance(column[0], int):
            written.features.feature[key].int64_list.value.extend(column)
        elif column:
            written.features.feature[key].float_list.value.extend(column)
    return written


def write(path: Path, *examples: tf.train.Example) -> Path:
    with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else "") as writer:
        for one in examples:
            writer.write(one.SerializeToString())
    return path


def test_what_is_there_is_counted(tmp_path: Path) -> None:
    first = write(tmp_path / "a.tfrecord", example("a", [1, 2]), example("negative", []))
    second = write(tmp_path / "b.tfrecord.gz", example("b", [3] * 101))
    assert examine_records([second, first], THREE) == Records(3, 103, False, ("b",), {1: 1, 2: 1, 3: 101})


def test_no_record_at_all(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no example"):
        examine_records([], THREE)
    with pytest.raises(BadInput, match="no example"):
        examine_records([write(tmp_path / "empty.tfrecord")], THREE)


BBOX = "image/object/bbox/"


@pytest.mark.parametrize(
    ("labels", "changed", "what"),
    [
        ([1, 4], {}, "bad.jpg has an object of class 4, the model has the classes 1 to 3"),
        ([0], {}, "bad.jpg has an object of class 0"),
        ([1], {"image/encoded": []}, "bad.jpg has no image/encoded"),
        ([1, 2], {BBOX + "xmax": []}, "has 2 values of image/object/class/label and 0 of .*xmax"),
        ([], {BBOX + "ymin": [0.1]}, "has 0 values of image/object/class/label and 1 of .*ymin"),
        ([1], {BBOX + "ymax": [0.1]}, r"bad.jpg has the box \[0.25, 0.25, 0.1, 0.75\]"),
        ([1], {BBOX + "xmax": [float("nan")]}, "in fractions of the image"),
        ([1], {BBOX + "xmax": [640.0]}, r"0.75, 640\], which is not"),
        ([1], {"image/object/class/label": [1.0]}, "can't be read: .*Data types don't match"),
    ],
)
def test_a_record_that_cannot_be_trained_on_is_named(
    tmp_path: Path, labels: list[int], changed: dict[str, Any], what: str
) -> None:
    path = write(tmp_path / "a.tfrecord", example("good.jpg", [1, 3]), example("bad.jpg", labels, **changed))
    with pytest.raises(BadInput, match=what) as error:
        examine_records([path], THREE)
    assert str(path) in error.value.where


def test_a_file_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tfrecord", example("a", [1]))
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(BadInput, match="can't be read") as error:
        examine_records([path], THREE)
    assert error.value.where == str(path)


def test_all_objects_have_masks_or_none_has(tmp_path: Path) -> None:
    with_masks = Wanted(3, masks=True)
    masked = example("masked", [1, 2], **{"image/object/mask": [PNG, PNG]})
    bare = example("bare", [1])
    assert examine_records([write(tmp_path / "a", masked, example("negative", []))], with_masks).masks
    assert not examine_records([write(tmp_path / "a", masked)], THREE).masks
    assert not examine_records([write(tmp_path / "b", bare)], with_masks).masks
    for half in (bare, example("half", [1, 2], **{"image/object/mask": [PNG, b""]})):
        with pytest.raises(BadInput, match="(bare|half) has an object without a mask"):
            examine_records([write(tmp_path / "c", masked, half)], with_masks)


def test_labels_that_augmentations_replace_may_be_beyond_the_models(tmp_path: Path) -> None:
    config = text_format.Parse(
        """model { faster_rcnn { num_classes: 3 number_of_stages: 3 second_stage_box_predictor {
             mask_rcnn_box_predictor { predict_instance_masks: true } } } }
           train_config {
             data_augmentation_options { remap_labels { original_labels: [7, 8] new_label: 1 } }
             data_augmentation_options { drop_label_probabilistically { label: 9 } }
             data_augmentation_options { drop_label_probabilistically { label: 6 drop_probability: 0.5 } } }
        """,
        protos.TrainEvalPipelineConfig(),
    )
    wanted = wanted_records(config.model, config.train_config.data_augmentation_options)
    assert wanted == Wanted(3, frozenset({7, 8, 9}), masks=True)
    path = write(tmp_path / "a", example("a", [1, 7, 8, 9]))
    assert examine_records([path], wanted).objects == 4
    with pytest.raises(BadInput, match="class 6"):
        examine_records([write(tmp_path / "b", example("b", [6]))], wanted)


REMEMBERING = Wanted(3, context=ContextShape(4, 2))


def remembering(name: str, values: list[float], length: int = 2) -> tf.train.Example:
    rows = {"image/context_features": values, "image/context_feature_length": [length]}
    return example(name, [1], **rows)


def test_images_with_context_are_counted(tmp_path: Path) -> None:
    records = (remembering("a", [0.5] * 8), remembering("b", []), remembering("c", [0.5] * 10))
    path = write(tmp_path / "a", *records, example("d", [1]), *[remembering("e", [0.5] * 2)] * 9)
    found = examine_records([path], REMEMBERING)
    assert (found.images, found.with_context, found.cut_context) == (13, 11, ("c",))
    assert examine_records([path], THREE).with_context == 0


@pytest.mark.parametrize(
    ("values", "length", "what"),
    [
        ([0.5] * 6, 3, "bad.jpg has context features of length 3, the model reads 2"),
        ([0.5] * 3, 2, "bad.jpg has 3 values of image/context_features, which make no rows of 2"),
        ([0.5, float("nan")], 2, "bad.jpg has image/context_features that are not finite"),
        ([float("inf"), 0.5], 2, "bad.jpg has image/context_features that are not finite"),
    ],
)
def test_context_that_cannot_be_read_is_named(
    tmp_path: Path, values: list[float], length: int, what: str
) -> None:
    records = (
        remembering("good.jpg", [0.5] * 4),
        example("none.jpg", [1]),
        remembering("bad.jpg", values, length),
    )
    path = write(tmp_path / "a.tfrecord", *records)
    with pytest.raises(BadInput, match=what) as error:
        examine_records([path], REMEMBERING)
    assert str(path) in error.value.where
    examine_records([path], THREE)  # nobody reads it


def test_what_is_not_remembered_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = ContextShape(4, 2)
    all_of_them = Records(images=3, with_context=3)
    note_context(all_of_them, Records(), shape, [])
    assert capsys.readouterr().out == ""
    note_context(Records(images=3, with_context=2, cut_context=("c",)), Records(images=5), shape, [])
    assert capsys.readouterr().out.splitlines() == [
        "1 of 3 training images have no context features: to them, nothing is remembered",
        "1 training images have more context features than max_num_context_features, such as c: "
        "the first 4 of each are read",
        "5 of 5 evaluation images have no context features: to them, nothing is remembered",
    ]
    with pytest.raises(BadInput, match="no training image has image/context_features") as error:
        note_context(Records(images=3), all_of_them, shape, [tmp_path / "a"])
    assert error.value.where == str(tmp_path / "a")


def test_what_a_context_rcnn_needs() -> None:
    text = "model { faster_rcnn { num_classes: 3 context_config { max_num_context_features: 4 "
    text += "context_feature_length: 2 } } }"
    config = text_format.Parse(text, protos.TrainEvalPipelineConfig())
    assert wanted_records(config.model, []) == REMEMBERING
