"""Real TF1 detectors: models written by TensorFlow 1.15, and a published pedestrian detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detection.config.pipeline_config import read_pipeline_config

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def _folder(*parts: str) -> Path:
    folder = DATA.joinpath(*parts)
    if not folder.exists():
        pytest.skip(f"test data absent: {folder}")
    return folder


@pytest.fixture(scope="session")
def tf1_folder():
    """Folder of a model in tf1_15, by name."""
    return lambda name: _folder("tf1_15", name)


@pytest.fixture(scope="session")
def tf1_config(tf1_folder):
    """pipeline.config of a model in tf1_15, by name."""
    return lambda name: read_pipeline_config(tf1_folder(name) / "pipeline.config")


@pytest.fixture(scope="session")
def reference(tf1_folder):
    """Arrays that TF 1.15 computed, by name of the model."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(tf1_folder(name) / "reference.npz") as file:
            return {key: file[key] for key in file.files}

    return load


@pytest.fixture
def pedestrian() -> Path:
    return _folder("models", "pedestrian_ssdlite_mobilenet_v2")


@pytest.fixture
def pedestrian_config():
    path = _folder("configs", "upstream", "samples", "configs", "ssdlite_mobilenet_v2_coco.config")
    return read_pipeline_config(path)


@pytest.fixture
def photos() -> list[Path]:
    return sorted(_folder("datasets", "microcontrollers_voc", "images", "test").glob("*.jpg"))


@pytest.fixture
def git_lfs_pointer() -> Path:
    return _folder("models", "git_lfs_pointer.pb")


@pytest.fixture
def zoo_variables():
    """Variable names and shapes of a real checkpoint, by the name of its list."""

    def load(name: str) -> dict[str, tuple[int, ...]]:
        lines = (_folder("zoo_variables") / f"{name}.tsv").read_text().splitlines()[1:]
        rows = [line.split("\t") for line in lines]
        return {row[0]: tuple(int(side) for side in row[1].split("x") if side.isdigit()) for row in rows}

    return load
