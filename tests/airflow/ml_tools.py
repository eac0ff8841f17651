"""What a test in the Airflow environment needs of the ML environment, as commands of its Python.

`data FOLDER` makes the files that a detector names; `executions DETECTOR` prints, as JSON, node, run and
state of every execution of a detector in ML Metadata.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]


def make_data(folder: Path) -> None:
    """Six small pictures with a cat each, and what else a detector names; none is a real model."""
    from PIL import Image

    from tests.pipelines.conftest import VOC

    (folder / "train").mkdir(parents=True)
    for index in range(6):
        Image.new("RGB", (40, 30), (40 * index, 0, 0)).save(folder / "train" / f"{index}.jpg")
        (folder / "train" / f"{index}.xml").write_text(VOC.format(index=index))
    (folder / "pipeline.config").write_text("model { ssd { num_classes: 1 } }")
    (folder / "label_map.pbtxt").write_text("item { id: 1 name: 'cat' }")
    for suffix in ("index", "data-00000-of-00001"):
        (folder / f"model.ckpt.{suffix}").write_bytes(suffix.encode())


def executions(detector: str) -> list[dict[str, str]]:
    """Every execution of the detector's pipeline that is or was a node's."""
    from ml_metadata import MetadataStore, proto

    from pipelines.home import DetectorHome
    from pipelines.metadata import connection_config
    from pipelines.retraining import NODES

    store = MetadataStore(connection_config(DetectorHome.of(detector).metadata))
    found = []
    for execution in store.get_executions():
        contexts = store.get_contexts_by_execution(execution.id)
        named = {store.get_context_types_by_id([c.type_id])[0].name: c.name for c in contexts}
        node = named.get("node", "").rpartition(".")[2]
        if node in NODES and named.get("pipeline") == f"retrain_{detector}":
            state = proto.Execution.State.Name(execution.last_known_state)
            found.append({"node": node, "run": named.get("pipeline_run", ""), "state": state})
    return found


if __name__ == "__main__":
    command, argument = sys.argv[1:]
    if command == "data":
        make_data(Path(argument))
    else:
        print(json.dumps(executions(argument)))
