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
