"""The rules as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.config_validator.findings import Finding, unfixed_errors
from components.config_validator.fixes import apply_fixes
from components.config_validator.rules import RULES, validate
from detection.config.label_map import LabelMap
from detection.config.pipeline_config import parse_pipeline_config

FindingsOf = Callable[..., list[Finding]]

SAMPLES = Path(__file__).resolve().parents[4] / "shared/data/configs/upstream/samples/configs"


def test_codes_are_unique_and_in_form() -> None:
    codes = [rule.code for rule in RULES]
    assert len(set(codes)) == len(codes) == 25
    assert all(code.startswith("CFG") and len(code) == 6 for code in codes)
    assert all(rule.check.__doc__ for rule in RULES)


def test_errors_come_first_and_print_with_all_parts(
    config: Any, label_map: LabelMap, findings_of: FindingsOf
) -> None:
    text = "train_config { sync_replicas: true batch_size: 512 num_steps: 0 }"
    findings = findings_of(config, text, label_map=label_map)
    assert [f.severity for f in findings] == ["error", "warning", "info"]
    assert unfixed_errors(findings) == findings[:1]
    lines = str(findings[0]).splitlines()
    assert lines[0] == "CFG013 error: num_steps is not set"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["where", "reason", "fix"]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no sample configs in {SAMPLES}")
def test_every_tf1_sample_can_be_judged_and_safe_fixes_settle_what_they_fix() -> None:
    verdicts = {}
    for path in sorted(SAMPLES.glob("*.config")):
        text = path.read_text()
        config = parse_pipeline_config(text, path.name)
        findings = validate(config, text, path)
        fixed = apply_fixes(config, findings)
        left = validate(fixed, text, path)
        assert not any(f.safe for f in left), path.name
        assert {f.code for f in unfixed_errors(left)} == {f.code for f in unfixed_errors(findings)}
        lines = text.count("\n") + 1
        assert all(1 <= int(f.location.rpartition(":")[2]) <= lines for f in findings)
        verdicts[path.stem] = {f.code for f in unfixed_errors(findings)}
    assert len(verdicts) == 64
    unsupported = {stem for stem, codes in verdicts.items() if "CFG003" in codes}
    assert not unsupported
    assert verdicts["ssd_mobilenet_v1_fpn_shared_box_predictor_640x640_coco14_sync"] == set()
    assert verdicts["ssdlite_mobilenet_v2_coco"] == set()
    assert verdicts["ssd_mobilenet_v1_coco"] == set()
    assert verdicts["ssd_mobilenet_v2_fullyconv_coco"] == set()  # keeps the aspect ratio: through the shim
    assert verdicts["embedded_ssd_mobilenet_v1_coco"] == {"CFG013"}
