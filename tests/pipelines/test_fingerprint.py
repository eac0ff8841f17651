"""Content hashes: equal for equal content wherever it lies, different for any change that matters."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from detection.errors import BadInput
from pipelines.fingerprint import (
    NODE_FOLDERS,
    code_version,
    content_of,
    fingerprint,
    hash_of_files,
    is_unchanged,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("bb")
    return folder


def test_a_file_has_the_hash_that_sha256sum_prints(tree: Path) -> None:
    content = content_of(tree / "a.txt")
    assert content.sha256 == hashlib.sha256(b"a").hexdigest()
    assert (content.files, content.bytes) == (1, 1)


def test_a_copy_elsewhere_is_equal(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other" / "place"
    shutil.copytree(tree, copy)
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "x.pyc").write_bytes(b"no content")
    one = content_of(tree)
    assert (one.files, one.bytes) == (2, 3)
    renamed = copy.rename(copy.with_name("tree"))
    assert content_of(renamed).identity() == one.identity()


def test_the_folders_own_name_is_no_content(tree: Path) -> None:
    before = content_of(tree).sha256
    assert content_of(tree.rename(tree.with_name("renamed"))).sha256 == before


@pytest.mark.parametrize("change", ["bytes", "name", "new", "gone"])
def test_every_change_counts(tree: Path, change: str) -> None:
    before = content_of(tree)
    stamp = (tree / "a.txt").stat()
    if change == "bytes":
        (tree / "a.txt").write_text("z")
    elif change == "name":
        (tree / "a.txt").rename(tree / "c.txt")
    elif change == "new":
        (tree / "c.txt").write_text("")
    else:
        (tree / "a.txt").unlink()
    assert content_of(tree).sha256 != before.sha256
    assert not is_unchanged(before)
    assert stamp.st_size == 1


def test_touching_is_no_change_and_a_lost_file_is(tree: Path) -> None:
    before = content_of(tree)
    os.utime(tree / "a.txt", (5, 5))
    assert is_unchanged(before)
    shutil.rmtree(tree)
    assert not is_unchanged(before)


def test_a_checkpoint_prefix_means_its_files(tmp_path: Path) -> None:
    for suffix in ("index", "data-00000-of-00001", "meta"):
        (tmp_path / f"model.ckpt-7.{suffix}").write_text(suffix)
    (tmp_path / "model.ckpt-70.index").write_text("another one")
    assert content_of(tmp_path / "model.ckpt-7").files == 3
    for shard in range(2):  # TF1's first format
        (tmp_path / f"old.ckpt-{shard:05d}-of-00002").write_text("shard")
    assert content_of(tmp_path / "old.ckpt").files == 2


def test_nothing_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", tmp_path / "no" / "folder"):
        with pytest.raises(BadInput, match="there are no files here"):
            content_of(path)


def test_fingerprint_is_canonical_and_has_no_paths(tree: Path) -> None:
    content = content_of(tree)
    text = fingerprint(b=1, a=content, c=None)
    assert json.loads(text) == {"a": content.identity(), "b": 1}
    assert text == fingerprint(a=content, b=1)
    assert str(tree) not in text


def test_hash_of_files_depends_on_order(tree: Path) -> None:
    files = [tree / "a.txt", tree / "sub" / "b.txt"]
    assert hash_of_files(files) != hash_of_files(files[::-1])


@pytest.mark.parametrize("node", NODE_FOLDERS)
def test_code_version_covers_all_components_that_a_node_imports(node: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", code_version(node))
    folders = NODE_FOLDERS[node]
    for file in (ROOT / "components" / folders[0]).rglob("*.py"):
        for used in re.findall(r"from components\.(\w+)\.", file.read_text()):
            assert used in folders, f"{file} imports components.{used}"
