"""Models written by TensorFlow 1.15, with the outputs they gave there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


@dataclass(frozen=True)
class TF1Model:
    """One folder of tf1_15: files, reference arrays, and the tensor name of each array."""

    folder: Path
    arrays: dict[str, np.ndarray]
    tensors: dict[str, str]

    @property
    def frozen_graph(self) -> Path:
        return self.folder / "frozen_inference_graph.pb"

    @property
    def prefix(self) -> str:
        return str(self.folder / "model.ckpt")


@pytest.fixture
def tf1_model():
    def load(name: str) -> TF1Model:
        folder = DATA / "tf1_15" / name
        if not folder.is_dir():
            pytest.skip(f"test data absent: {folder}")
        with np.load(folder / "reference.npz") as file:
            arrays = {key: file[key] for key in file.files}
        described = json.loads((folder / "reference.json").read_text())["arrays"]
        return TF1Model(folder, arrays, {key: value["tensor"] for key, value in described.items()})

    return load


@pytest.fixture
def pedestrian() -> Path:
    folder = DATA / "models" / "pedestrian_ssdlite_mobilenet_v2"
    if not folder.is_dir():
        pytest.skip(f"test data absent: {folder}")
    return folder
