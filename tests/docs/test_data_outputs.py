"""docs/data.md, the part about what is written: its YAML is read, and the files it names are written."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from components.example_gen.ingest import Outputs, ingest
from detection.config.label_map import read_label_map
from pipelines.spec import DataSpec

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
OUTPUTS = PAGE.partition("<!-- outputs: begin -->")[2].partition("<!-- outputs: end -->")[0]
XML = (
    "<annotation><size><width>64</width><height>48</height></size><object><name>cat</name><bndbox>"
    "<xmin>5</xmin><ymin>5</ymin><xmax>{xmax}</xmax><ymax>40</ymax></bndbox></object></annotation>"
)


def test_the_example_is_a_data_section() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", OUTPUTS, re.DOTALL)
    drift = DataSpec.model_validate(yaml.safe_load(example)["data"]).drift
    assert drift is not None and drift.action == "warn"


def test_every_file_that_is_named_is_written(tmp_path: Path) -> None:
    for split in ("train", "eval"):
        (tmp_path / split).mkdir()
        for number in range(2):
            stem = tmp_path / split / f"{number}"
            noise = np.random.default_rng([number, len(split)]).integers(0, 255, (48, 64, 3), np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(noise).save(buffer, "JPEG")
            stem.with_suffix(".jpg").write_bytes(buffer.getvalue())
            # the second reaches far outside
            stem.with_suffix(".xml").write_text(XML.format(xmax=40 if number == 0 else 400))
    (tmp_path / "label_map.pbtxt").write_text("item { id: 1 name: 'cat' }")
    data = {name: str(tmp_path / name) for name in ("train", "eval")}
    label_map = tmp_path / "label_map.pbtxt"
    outputs = Outputs(*(str(tmp_path / "out" / name) for name in ("e", "q", "s", "c")))
    ingest({**data, "label_map": str(label_map), "max_quarantined": 1.0}, read_label_map(label_map), outputs)
    written = {file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*.*")}
    table = re.findall(r"^\| `([^`]+\.\w+)`", OUTPUTS, re.MULTILINE)
    assert len(table) == 5
    assert {f"q/{name}" for name in table} <= written
    assert {"s/Split-train/FeatureStats.pb", "c/schema.pbtxt"} <= written
    assert "e/Split-train/examples-00000-of-00001.tfrecord" in written
