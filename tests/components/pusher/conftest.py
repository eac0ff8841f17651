"""A small trained model's directory, as the Trainer leaves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

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
