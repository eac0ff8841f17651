"""A detector on disk, and plans of a tiny pipeline for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
TINY = Path(__file__).resolve().parent

YAML = """
name: tiny
model:
  pipeline_config: pipeline.config
  checkpoint: model.ckpt
data:
  train: data/train
  label_map: label_map.pbtxt
train:
  steps: 20
gate:
  floor: 0.0
  proof: false
"""

VOC = """<annotation><filename>{index}.jpg</filename>
<size><width>40</width><height>30</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
</annotation>"""


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPCYCLE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("UPCYCLE_METADATA_URL", raising=False)
    monkeypatch.delenv("TINY", raising=False)


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """A detector's YAML with all files it names; none is a real model."""
    folder = tmp_path / "detectors"
    (folder / "data" / "train").mkdir(parents=True)
    for index in range(6):
        Image.new("RGB", (40, 30), (40 * index, 0, 0)).save(folder / "data" / "train" / f"{index}.jpg")
        (folder / "data" / "train" / f"{index}.xml").write_text(VOC.format(index=index))
    (folder / "pipeline.config").write_text("model { ssd { num_classes: 1 } }")
    (folder / "label_map.pbtxt").write_text("item { id: 1 name: 'cat' }")
    for suffix in ("index", "data-00000-of-00001"):
        (folder / f"model.ckpt.{suffix}").write_bytes(suffix.encode())
    (folder / "tiny.yaml").write_text(YAML)
    return folder / "tiny.yaml"


@pytest.fixture
def make_tiny_plan(detector: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Plans a run of the tiny pipeline and returns its directory."""
    from pipelines.tfx_import import import_tfx

    import_tfx()
    monkeypatch.syspath_prepend(str(TINY))
    import tiny_nodes

    from pipelines import plan, retraining
    from pipelines.overrides import Overrides

    monkeypatch.setattr(
        retraining, "_components", lambda recipe: tiny_nodes.tiny_components(recipe.spec.description)
    )
    monkeypatch.setattr(plan, "find_baseline", lambda destination, fingerprint: ("", True))

    def make(run_id: str, text: str = "hello", force: bool = False) -> Path:
        kept = detector.read_text()
        detector.write_text(kept + f"description: {text}\n")
        try:
            made = plan.make_plan(detector, Overrides(force=force), run_id)
        finally:
            detector.write_text(kept)
        return Path(made.run_dir)

    return make


@pytest.fixture
def start_node() -> Callable[..., subprocess.Popen[str]]:
    """Starts `python -m pipelines.run_node` for a node of a tiny plan."""

    def start(run_dir: Path, node: str, **environment: str) -> subprocess.Popen[str]:
        variables = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{TINY}"} | environment
        result = run_dir / f"result-{node}.json"
        arguments = ["--plan", str(run_dir), "--node", node, "--result", str(result)]
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.run_node", *arguments],
            env=variables,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


@pytest.fixture
def fake_executors(detector: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real pipeline with stand-ins for its slow executors; the Pusher is the real one."""
    from pipelines.tfx_import import import_tfx

    import_tfx()
    monkeypatch.syspath_prepend(str(TINY))
    import fake_executors
    from tfx.dsl.components.base import executor_spec

    from pipelines import retraining

    real = retraining._components

    def with_fakes(recipe: retraining.Recipe) -> list[Any]:
        components = real(recipe)
        for component in components:
            fake = getattr(fake_executors, component.id, None)
            if fake is not None:
                component.executor_spec = executor_spec.ExecutorClassSpec(fake)
        return components

    monkeypatch.setattr(retraining, "_components", with_fakes)
    return detector
