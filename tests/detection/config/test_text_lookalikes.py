"""Files that are something else are called by their name."""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.config import protos
from detection.config.label_map import KIND as LABEL_MAP
from detection.config.pipeline_config import KIND as CONFIG
from detection.config.text_fault import TextFault
from detection.config.text_lookalikes import refuse_lookalikes

ROOT = Path(__file__).resolve().parents[3]

# text, kind that it was given for, code, what it is called
CASES = [
    ("item { id: 1 name: 'a' }", CONFIG, "TXT011", "a label map"),
    ("# classes\nitem {\n}", CONFIG, "TXT011", "a label map"),
    ("model { ssd { } }", LABEL_MAP, "TXT011", "a pipeline.config"),
    ("train_config: { }", LABEL_MAP, "TXT011", "a pipeline.config"),
    ('model_checkpoint_path: "model.ckpt-100"', CONFIG, "TXT011", "`checkpoint` file"),
    ('node {\n  name: "image_tensor"\n}', CONFIG, "TXT011", "frozen graph"),
    ("saved_model_schema_version: 1", CONFIG, "TXT011", "SavedModel"),
    ('{"model": {"ssd": {}}}', CONFIG, "TXT011", "JSON"),
    ('[\n  {"id": 1, "name": "cat"}\n]', LABEL_MAP, "TXT011", "JSON"),
    ("{'cat': 1}", LABEL_MAP, "TXT011", "JSON"),
    ("{}", CONFIG, "TXT011", "JSON"),
    ("  # {\n{\n  'cat': 1\n}", LABEL_MAP, "TXT011", "JSON"),
    ("names: {0: cat, 1: dog}", LABEL_MAP, "TXT011", "YAML"),
    ("model:\n  ssd:\n    num_classes: 3", CONFIG, "TXT011", "YAML"),
    ("names:\n  - cat\n  - dog", LABEL_MAP, "TXT011", "YAML"),
    ("---\nnc: 2", LABEL_MAP, "TXT011", "YAML"),
    ("import os\n\nmodel = {}", CONFIG, "TXT011", "Python"),
    ("model = dict(type='FasterRCNN')", CONFIG, "TXT011", "Python"),
    ("filename,width,height,class\na.jpg,1,2,cat", CONFIG, "TXT011", "CSV"),
    ("1,cat\n2,dog", LABEL_MAP, "TXT011", "CSV"),
    ("[net]\nbatch=64", CONFIG, "TXT011", ".cfg"),
    ("cat\ntraffic light\n", LABEL_MAP, "TXT011", "plain list of names"),
    ("see the other file\n", CONFIG, "TXT011", "plain text"),
    ("--- a/pipeline.config\n+++ b/pipeline.config", CONFIG, "TXT011", "diff"),
    ("{\\rtf1\\ansi model }", CONFIG, "TXT011", "RTF"),
    ("\n\n<!DOCTYPE html>\n<html>", CONFIG, "TXT005", "web page"),
    ("<?xml version='1.0'?>", LABEL_MAP, "TXT005", "XML"),
    ("<annotation>\n</annotation>", LABEL_MAP, "TXT005", "XML"),
    ('// Copyright\nsyntax = "proto2";', CONFIG, "TXT006", ".proto schema"),
    ("message Ssd {\n  optional int32 num_classes = 1;\n}", CONFIG, "TXT006", ".proto schema"),
]


@pytest.mark.parametrize(("text", "kind", "code", "what"), CASES)
def test_refused(text: str, kind: str, code: str, what: str) -> None:
    with pytest.raises(TextFault) as caught:
        refuse_lookalikes(text, "my.file", kind)
    fault = caught.value
    assert fault.code == code
    assert f"{kind}: this is a" in fault.what and what in fault.what
    first = next(line for line in text.splitlines() if line.strip() and line.strip()[0] != "#")
    line = text.splitlines().index(first) + 1
    assert fault.where == f"my.file:{line}:1"
    assert fault.fix


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("model { ssd { } }", CONFIG),
        ("model: { ssd: { } }", CONFIG),
        ("model <\n  ssd <\n  >\n>", CONFIG),
        ("# a comment: only", CONFIG),
        ("eval_config { }\nmodel { }", CONFIG),
        ("item { id: 1, name: 'a, b, c' },", LABEL_MAP),
        ("items { }", LABEL_MAP),  # a slip of spelling, and explained as one
    ],
)
def test_passed(text: str, kind: str) -> None:
    refuse_lookalikes(text, "my.file", kind)


def test_the_schema_names_no_config_that_is_passed_over() -> None:
    """Whatever field a config begins with, it is not taken for something else."""
    for name in protos.TrainEvalPipelineConfig.DESCRIPTOR.fields_by_name:
        refuse_lookalikes(f"{name} {{ }}", "a", CONFIG)


@pytest.mark.parametrize("name", ["demo", "microcontrollers"])
def test_the_detectors_own_files(name: str) -> None:
    folder = ROOT / "detectors" / name
    refuse_lookalikes((folder / "pipeline.config").read_text(), "a", CONFIG)
    refuse_lookalikes((folder / "label_map.pbtxt").read_text(), "a", LABEL_MAP)
