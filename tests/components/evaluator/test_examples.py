from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

from components.evaluator.examples import read_examples
from detection.config.label_map import LabelMap, LabelMapItem
from detection.errors import BadInput

NAMES = ("stop", "yield", "priority_road")
LABELS = LabelMap(tuple(LabelMapItem(i, name, name) for i, name in enumerate(NAMES, 1)))


def test_plain_and_gzipped_files_mix(write_examples: Callable[..., list[Path]], tmp_path: Path) -> None:
    first, second = write_examples(tmp_path, 6)
    plain = first.with_suffix("")
    with tf.io.TFRecordWriter(str(plain)) as writer:
        for record in tf.data.TFRecordDataset(str(first), compression_type="GZIP").as_numpy_iterator():
            writer.write(record)
    packed, mixed = (list(read_examples(files, LABELS)) for files in ([first, second], [plain, second]))
    assert len(mixed) == 6
    assert [one.filename for one in mixed] == [one.filename for one in packed]
    assert [one.encoded for one in mixed] == [one.encoded for one in packed]


def example(**lists: list) -> bytes:
    """An example of two objects, "stop" and "person", with further features of image/object/."""
    made = tf.train.Example()
    feature = made.features.feature
    feature["image/encoded"].bytes_list.value.append(b"png")
    feature["image/object/class/text"].bytes_list.value.extend([b"stop", b"person"])
    for side, values in (
        ("ymin", [0.1, 0.2]),
        ("xmin", [0.1, 0.2]),
        ("ymax", [0.5, 0.6]),
        ("xmax", [0.5, 0.6]),
    ):
        feature[f"image/object/bbox/{side}"].float_list.value.extend(values)
    for name, values in lists.items():
        kind = "bytes_list" if isinstance(values[0], bytes) else "int64_list"
        getattr(feature[f"image/object/{name}"], kind).value.extend(values)
    return made.SerializeToString()


def written(path: Path, record: bytes) -> list[Path]:
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(record)
    return [path]


BOTH = LabelMap((*LABELS.items, LabelMapItem(9, "person", "person")))


def test_crowds_difficult_objects_and_masks_are_read(tmp_path: Path) -> None:
    record = example(is_crowd=[0, 1], difficult=[1, 0], mask=[b"first", b"second"])
    (one,) = read_examples(written(tmp_path / "a.record", record), BOTH)
    assert one.classes.tolist() == [1, 9]
    assert (one.crowd.tolist(), one.difficult.tolist()) == ([False, True], [True, False])
    assert one.masks == (b"first", b"second")


def test_files_without_them_have_none(tmp_path: Path) -> None:
    (one,) = read_examples(written(tmp_path / "a.record", example()), BOTH)
    assert not one.crowd.any() and not one.difficult.any() and one.masks == ()


def test_objects_of_other_classes_are_left_out_where_that_is_asked(tmp_path: Path) -> None:
    record = example(is_crowd=[0, 1], difficult=[1, 0], mask=[b"first", b"second"])
    files = written(tmp_path / "a.record", record)
    (one,) = read_examples(files, LABELS, skip_unknown=True)
    assert (one.classes.tolist(), one.crowd.tolist(), one.difficult.tolist()) == ([1], [False], [True])
    assert one.masks == (b"first",) and len(one.boxes) == 1
    with pytest.raises(BadInput, match="'person' is not in the label map"):
        list(read_examples(files, LABELS))
