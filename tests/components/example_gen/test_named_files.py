from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.example_gen.named_files import as_path, find_named


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a.jpg", "a.jpg"),
        ("./one//a.jpg", "one/a.jpg"),
        (".\\one\\a.jpg", "one/a.jpg"),
        ("C:\\x\\a.jpg", "C:/x/a.jpg"),
        ("https://host/x/my%20cat.jpg?size=3#top", "host/x/my cat.jpg"),
        ("file:///x/a.jpg", "/x/a.jpg"),
        ("http://[", "["),
        ("", ""),
    ],
)
def test_a_name_with_forward_slashes(name, path):
    assert as_path(name) == path


@pytest.mark.parametrize(
    ("name", "files", "file"),
    [
        ("a.jpg", ["a.jpg", "one/a.jpg"], "a.jpg"),
        ("one\\a.jpg", ["a.jpg", "one/a.jpg"], "one/a.jpg"),
        ("A.JPG", ["a.jpg"], "a.jpg"),
        ("train/\u00e9.jpg", ["train/e\u0301.jpg", "val/e\u0301.jpg"], "train/e\u0301.jpg"),
        ("/home/me/data/one/a.jpg", ["one/a.jpg", "two/a.jpg"], "one/a.jpg"),
        ("/home/me/a.jpg", ["a.jpg", "two/a.jpg"], "a.jpg"),
        ("images/a.jpg", ["photos/a.jpg"], "photos/a.jpg"),
        ("https://host/x/a.jpg", ["a.jpg"], "a.jpg"),
        ("a.jpg", ["one/a.jpg", "two/a.jpg"], None),
        ("a.jpg", ["A.jpg", "A.JPG"], None),
        ("b.jpg", ["a.jpg"], None),
        ("", ["a.jpg"], None),
    ],
)
def test_what_a_name_means(name, files, file):
    assert find_named([name], files).get(name) == file


def test_a_lost_file_is_not_taken_from_another_folder():
    files = ["train/1.jpg", "val/2.jpg"]
    assert find_named(["train/1.jpg", "train/2.jpg"], files) == {"train/1.jpg": "train/1.jpg"}
    assert find_named(["/x/train/2.jpg"], files) == {}


def test_two_names_never_mean_one_file():
    """Folders were put together, and one picture has taken the other's place."""
    assert find_named(["train/1.jpg", "val/1.jpg"], ["1.jpg"]) == {}
    assert find_named(["http://one/1.jpg", "http://two/1.jpg"], ["1.jpg"]) == {}
    assert find_named(["1.jpg", "old/1.jpg"], ["1.jpg"]) == {"1.jpg": "1.jpg"}


def test_the_same_name_in_several_spellings_is_one_file():
    names = ["one/a.jpg", "one\\a.jpg", "./one/a.jpg", "One/A.jpg"]
    assert find_named(names, ["one/a.jpg"]) == dict.fromkeys(names, "one/a.jpg")


PATHS = st.lists(st.sampled_from("aAb"), min_size=1, max_size=3).map("/".join)


@given(names=st.lists(PATHS, unique=True), files=st.lists(PATHS, unique=True))
def test_any_names(names, files):
    found = find_named(names, files)
    assert set(found) <= set(names) and set(found.values()) <= set(files)
    for name, file in found.items():
        assert name.split("/")[-1].lower() == file.split("/")[-1].lower()
        others = {other.lower() for other, same in found.items() if same == file}
        assert len(others) == 1
    assert all(found[name] == name for name in names if name in files)
