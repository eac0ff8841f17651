from __future__ import annotations

import subprocess
import sys

import pytest

from components.example_gen.validate import validate_data
from detection.errors import BadInput


def test_a_good_data_set_passes(voc_data):
    voc_data.add("train", "a")
    validate_data(voc_data.options())
    validate_data(voc_data.options(), voc_data.root / "label_map.pbtxt")


def test_no_label_fits(voc_data):
    voc_data.add("train", "a", [("Cat", (1, 1, 9, 9))])
    with pytest.raises(BadInput, match="did you mean 'cat'"):
        validate_data(voc_data.options())


def test_a_label_of_other_case_fits_where_it_is_fixed(voc_data):
    voc_data.add("train", "a", [("Cat", (1, 1, 9, 9))])
    (record,) = validate_data(voc_data.options(fix_case=True))
    assert record.boxes[0].label == "Cat"


def test_ids_fit_where_there_are_no_names(datasets, tmp_path):
    import tensorflow as tf

    file = next((datasets / "pets_tfrecord").glob("*.record"))
    with tf.io.TFRecordWriter(str(tmp_path / "x.record")) as writer:
        for data in tf.data.TFRecordDataset(str(file)):
            example = tf.train.Example.FromString(data.numpy())
            del example.features.feature["image/object/class/text"]
            writer.write(example.SerializeToString())
    label_map = tmp_path / "label_map.pbtxt"
    data = {"train": tmp_path / "x.record", "label_map": label_map}
    label_map.write_text("item { id: 11 name: 'chihuahua' }")
    assert len(validate_data(data)) == 10
    label_map.write_text("item { id: 99 name: 'chihuahua' }")
    with pytest.raises(BadInput, match="not one label"):
        validate_data(data)


def test_no_image_no_box_no_class(voc_data):
    voc_data.add("train", "a", image=None)
    with pytest.raises(BadInput, match="no annotation has its image"):
        validate_data(voc_data.options())
    voc_data.add("train", "a", [])
    with pytest.raises(BadInput, match="not one box"):
        validate_data(voc_data.options())
    (voc_data.root / "label_map.pbtxt").write_text("")
    with pytest.raises(BadInput, match="label map is empty"):
        validate_data(voc_data.options())


def test_needs_neither_tensorflow_nor_beam():
    code = (
        "import sys, components.example_gen.validate, components.example_gen.road_signs;"
        "print([m for m in ('tensorflow', 'apache_beam', 'tfx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
