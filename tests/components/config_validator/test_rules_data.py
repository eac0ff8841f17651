"""Rules about label maps, examples and paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from components.config_validator.findings import Finding
from components.config_validator.fixes import apply_fixes
from detection.config.label_map import LabelMap, parse_label_map

FindingsOf = Callable[..., list[Finding]]

PLACEHOLDERS = """
train_config { fine_tune_checkpoint: "PATH_TO_BE_CONFIGURED/model.ckpt" }
train_input_reader {
  label_map_path: "label_map.pbtxt"
  tf_record_input_reader { input_path: "PATH_TO_BE_CONFIGURED/train.record" }
}
eval_input_reader { label_map_path: "PATH_TO_BE_CONFIGURED/map.pbtxt" }
"""


def test_placeholders_are_removed_and_real_paths_kept(config: Any, findings_of: FindingsOf) -> None:
    finding = next(f for f in findings_of(config, PLACEHOLDERS) if f.code == "CFG010")
    assert (finding.severity, finding.safe) == ("warning", True)
    assert "3 field(s)" in finding.message
    fixed = apply_fixes(config, [finding])
    assert fixed.train_config.fine_tune_checkpoint == ""
    assert fixed.train_input_reader.label_map_path == "label_map.pbtxt"
    assert list(fixed.train_input_reader.tf_record_input_reader.input_path) == []
    assert fixed.eval_input_reader[0].label_map_path == ""
    assert findings_of(fixed) == []


def test_two_label_maps_are_said(config: Any, findings_of: FindingsOf) -> None:
    text = "train_input_reader { label_map_path: 'a.pbtxt' } eval_input_reader { label_map_path: 'b.pbtxt' }"
    (finding,) = findings_of(config, text)
    assert (finding.code, finding.severity) == ("CFG021", "warning")
    assert "a.pbtxt, b.pbtxt" in finding.message


def test_gaps_in_the_ids_are_said(config: Any, findings_of: FindingsOf) -> None:
    labels = parse_label_map("item { id: 1 name: 'a' } item { id: 4 name: 'b' }", "l")
    (finding,) = findings_of(config, label_map=labels, label_map_path="l.pbtxt")
    assert (finding.code, finding.severity, finding.location) == ("CFG020", "warning", "l.pbtxt")
    assert finding.message == "the label map has no class for 2 of its ids: 2, 3"


def test_classes_of_the_examples(config: Any, label_map: LabelMap, findings_of: FindingsOf) -> None:
    counts = {"Stop": 3, "yield": 5, "priority_road": 1, "tree": 2}
    facts = {"label_map": label_map, "num_examples_by_class": counts, "examples_path": "data"}
    findings = findings_of(config, **facts)
    assert [(f.code, f.severity) for f in findings] == [
        ("CFG022", "error"),
        ("CFG022", "error"),
        ("CFG023", "warning"),
        ("CFG023", "warning"),
    ]
    assert findings[0].message == "3 boxes are of class 'Stop', which is not in the label map"
    assert findings[0].fix == "rename it to 'stop'"
    assert findings[1].fix == "add it to label map"
    assert [f.message for f in findings[2:]] == [
        "no box is of class 'stop' (id 1)",
        "no box is of class 'speed_limit' (id 3)",
    ]
    assert {f.location for f in findings} == {"data"}
