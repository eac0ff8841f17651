from __future__ import annotations

import hashlib
import importlib.util

import pytest

from components.example_gen.read import read_dataset
from components.example_gen.road_signs import make_road_signs
from components.example_gen.sign_photos import EVAL_PHOTOS, TRAIN_PHOTOS
from components.example_gen.validate import validate_data
from detection.errors import BadInput

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("skimage") is None, reason="scikit-image (group demo) isn't installed"
)


def digest(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [(str(p.relative_to(folder)), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


@pytest.fixture(scope="module")
def signs(tmp_path_factory):
    return make_road_signs(tmp_path_factory.mktemp("signs") / "data", images=24)


def test_a_whole_data_set(signs):
    options = {"train": signs / "train", "eval": signs / "eval", "label_map": signs / "label_map.pbtxt"}
    validate_data(options)
    records = read_dataset(options)
    assert [r.split for r in records].count("eval") == 5 and len(records) == 24
    assert all(1 <= len(r.boxes) <= 3 and (r.width, r.height) == (400, 300) for r in records)
    labels = {box.label for record in records for box in record.boxes}
    assert labels == {"stop", "yield", "speed_limit", "priority_road"}


def test_evaluation_has_photographs_of_its_own(signs):
    assert not set(TRAIN_PHOTOS) & set(EVAL_PHOTOS)
    for split, photos in (("train", TRAIN_PHOTOS), ("eval", EVAL_PHOTOS)):
        for xml in (signs / split).glob("*.xml"):
            assert any(photo in xml.read_text() for photo in photos)


def test_same_arguments_same_bytes(signs, tmp_path):
    assert digest(make_road_signs(tmp_path / "again", images=24)) == digest(signs)
    other = make_road_signs(tmp_path / "other", images=24, seed=8)
    assert digest(other)[-1] != digest(signs)[-1]


def test_leaves_a_whole_one_and_mends_a_broken_one(tmp_path):
    data = make_road_signs(tmp_path / "data", images=10)
    whole = digest(data)
    image = data / "train" / "0000.jpg"
    seen = image.stat().st_mtime_ns
    make_road_signs(data, images=10)
    assert image.stat().st_mtime_ns == seen
    image.write_bytes(b"broken")
    make_road_signs(data, images=10)
    assert digest(data) == whole
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_refuses_a_folder_of_other_files(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(BadInput, match="didn't make"):
        make_road_signs(tmp_path, images=10)
    assert (tmp_path / "mine.txt").exists()
