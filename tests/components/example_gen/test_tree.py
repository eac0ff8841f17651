from __future__ import annotations

from components.example_gen.sources import FileSource
from components.example_gen.tree import Tree, base_name, by_name, is_image, plain, stem
from detection.picture_formats import PIXEL_FORMATS

TREE = Tree("/data", ("a.JPG", "b/c.txt", "b/d/e.webp", "b/d/f.heic", "g"))


def test_images_are_known_by_their_suffix():
    assert TREE.images == ("a.JPG", "b/d/e.webp", "b/d/f.heic")


def test_what_can_be_decoded_is_an_image_by_its_suffix():
    kinds = {
        "JPEG": "jpg",
        "PNG": "png",
        "BMP": "bmp",
        "GIF": "gif",
        "TIFF": "tif",
        "WEBP": "webp",
        "PPM": "ppm pgm",
        "JPEG2000": "jp2",
    }
    assert set(kinds) == set(PIXEL_FORMATS)
    assert all(is_image(f"a.{suffix}") for suffixes in kinds.values() for suffix in suffixes.split())


def test_folders_and_parts():
    assert TREE.folders == {"", "b", "b/d"}
    assert TREE.below("b") == Tree("/data/b", ("c.txt", "d/e.webp", "d/f.heic"))
    assert TREE.below("") is TREE and TREE.below("c").files == ()


def test_paths_and_sources():
    assert TREE.path("b/c.txt") == "/data/b/c.txt"
    assert TREE.source("a.JPG") == FileSource("/data/a.JPG")
    assert TREE.with_suffix(".jpg", ".txt") == ["a.JPG", "b/c.txt"]


def test_reading(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "y").write_bytes(b"z")
    tree = Tree.at(str(tmp_path))
    assert tree.files == ("x/y",) and tree.read("x/y") == b"z"


def test_names_for_comparing():
    assert plain("CAFÉ.jpg") == plain("cafe\u0301.JPG")
    assert base_name("C:\\photos\\a b.jpg ") == "a b.jpg" and stem("x/a.b.jpg") == "a.b"
    assert by_name(["x/A.jpg", "y/a.JPG"]) == {"a.jpg": ["x/A.jpg", "y/a.JPG"]}
