"""Real TF1 detectors: models written by TensorFlow 1.15, and a published pedestrian detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from detection.config.pipeline_config import read_pipeline_config
from detection.tf1.frozen_graph import DETECTIONS, frozen_variables, load_frozen_graph

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


@pytest.fixture
def write_v1():
    """Writes a V1-format checkpoint of arrays by name, in one file or in shards."""

    def write(prefix: Path, arrays: dict[str, np.ndarray], sharded: bool = False) -> None:
        prefix.parent.mkdir(parents=True, exist_ok=True)
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            variables = [
                tf.compat.v1.get_variable(name, initializer=array, use_resource=False)
                for name, array in arrays.items()
            ]
            session.run(tf.compat.v1.global_variables_initializer())
            saver = tf.compat.v1.train.Saver(
                variables, write_version=tf.compat.v1.train.SaverDef.V1, sharded=sharded
            )
            saver.save(session, str(prefix))

    return write


@pytest.fixture
def write_saved_model():
    """Writes a frozen graph as a TF1 SavedModel: as it is, or with its variables in `variables/`."""

    def write(frozen: Path, folder: Path, with_variables: bool) -> None:
        graph_def = load_frozen_graph(frozen)
        arrays = frozen_variables(graph_def) if with_variables else {}
        with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
            variables = {
                name: tf.compat.v1.get_variable(name, initializer=array, use_resource=False)
                for name, array in arrays.items()
            }
            if with_variables:
                tf.compat.v1.train.get_or_create_global_step()
            reads = {f"{name}/read:0": graph.get_tensor_by_name(f"{name}/read:0") for name in variables}
            kept = [node for node in graph_def.node if node.name.removesuffix("/read") not in arrays]
            rest = tf.compat.v1.GraphDef(node=kept, versions=graph_def.versions)
            tf.graph_util.import_graph_def(rest, input_map=reads, name="")
            session.run(tf.compat.v1.global_variables_initializer())
            signature = tf.compat.v1.saved_model.predict_signature_def(
                {"inputs": graph.get_tensor_by_name("image_tensor:0")},
                {name: graph.get_tensor_by_name(f"{name}:0") for name in DETECTIONS},
            )
            builder = tf.compat.v1.saved_model.Builder(str(folder))
            builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
            builder.save()

    return write


@pytest.fixture
def zoo_listings() -> set[str]:
    """The names of all lists of variables."""
    return {file.stem for file in _folder("zoo_variables").glob("*.tsv")}


@pytest.fixture
def tf2_zoo_config():
    """The text of a config of the TF2 model zoo, by name."""
    return lambda name: (_folder("configs", "upstream", "configs", "tf2") / f"{name}.config").read_text()


@pytest.fixture
def sample_config():
    """The path of a sample config of the Object Detection API, by name."""
    return lambda name: _folder("configs", "upstream", "samples", "configs") / f"{name}.config"
