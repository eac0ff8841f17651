"""The content hash of a model's files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.pusher.content import content_hash, model_files, published_files
from components.pusher.publish import publish


def test_hash_is_over_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(b"2")
    one, two = (hashlib.sha256(content).hexdigest() for content in (b"1", b"2"))
    expected = hashlib.sha256(f"{one}  a/x\n{two}  b\n".encode()).hexdigest()
    files = {"b": tmp_path / "two", "a/x": tmp_path / "one"}
    assert content_hash(files) == expected
    assert content_hash(dict(reversed(files.items()))) == expected
    assert content_hash({"c": tmp_path / "two", "a/x": tmp_path / "one"}) != expected


def test_a_published_version_has_the_hash_of_its_source(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    model = make_model("a")
    version = publish(model, tmp_path / "serving", manifest)
    assert content_hash(model_files(model)) == version.manifest.content_hash
    assert content_hash(published_files(version.path)) == version.manifest.content_hash


def test_training_records_are_not_part_of_the_model(make_model: Callable[[str], Path]) -> None:
    model = make_model("a")
    before = content_hash(model_files(model))
    (model / "training.json").write_text('{"seconds": 5}')
    assert content_hash(model_files(model)) == before


def test_model_card_and_tflite_models_are_published_where_they_are(
    tmp_path: Path, make_model: Callable[[str], Path], manifest: dict[str, Any]
) -> None:
    model = make_model("a")
    before = content_hash(model_files(model))
    (model / "model_card.md").write_text("# Model card\n")
    (model / "tflite").mkdir()
    (model / "tflite" / "model_int8.tflite").write_bytes(b"TFL3")
    (model / "last" / "saved_model").mkdir(parents=True)
    (model / "last" / "saved_model" / "saved_model.pb").write_bytes(b"another step")
    assert content_hash(model_files(model)) != before
    version = publish(model, tmp_path / "serving", manifest)
    assert (version.path / "model_card.md").read_text() == "# Model card\n"
    assert (version.path / "tflite" / "model_int8.tflite").read_bytes() == b"TFL3"
    assert not (version.path / "last").exists()
    (model / "model_card.md").write_text("# Another card\n")
    assert publish(model, tmp_path / "serving", manifest).number == version.number + 1
