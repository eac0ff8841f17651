"""A small trained model's directory, as the Trainer leaves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from components.evaluator.smoke_test import SmokeTest
from tests.components.pusher.small_detector import save_small_detector, small_smoke_test
from tests.object_store import QUICK, address, google, new_address, place, s3

__all__ = ["address", "google", "place", "s3"]

MANIFEST = {
    "detector": "signs",
    "run_id": "run-1",
    "fingerprint": "f" * 64,
    "baseline": "",
    "facts": {"data": {"train": "a" * 64}},
}


@pytest.fixture
def manifest() -> dict:
    return dict(MANIFEST)


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[[str], Path]:
    def make(content: str) -> Path:
        directory = tmp_path / f"model-{content}"
        (directory / "saved_model" / "variables").mkdir(parents=True)
        (directory / "saved_model" / "saved_model.pb").write_bytes(b"graph of " + content.encode())
        (directory / "saved_model" / "variables" / "variables.index").write_bytes(b"index")
        (directory / "saved_model" / "variables" / "variables.data-00000-of-00001").write_bytes(b"\1" * 999)
        (directory / "label_map.pbtxt").write_text("item { id: 1 name: 'stop' }\n")
        (directory / "pipeline.config").write_text("model { ssd { num_classes: 1 } }\n")
        (directory / "training.json").write_text("{}")
        return directory

    return make


@pytest.fixture(params=["folder", *QUICK])
def destination(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place to publish to where nothing was published; once for each kind."""
    if request.param == "folder":
        return str(tmp_path / "serving")
    return new_address(request.getfixturevalue(request.param), monkeypatch)


SCORES = {"a": 0.9, "b": 0.8}


@pytest.fixture
def make_detector(make_model: Callable[[str], Path]) -> Callable[[str], Path]:
    """Like make_model, with a SavedModel that finds one box, with the score of SCORES."""

    def make(content: str) -> Path:
        directory = make_model(content)
        save_small_detector(directory / "saved_model", SCORES[content])
        return directory

    return make


@pytest.fixture
def smoke_test() -> Callable[[str], SmokeTest]:
    """What the detector of that content finds."""
    return lambda content: small_smoke_test(SCORES[content])
