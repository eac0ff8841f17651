"""A parse error says where it is and what to change."""

from __future__ import annotations

import pytest

from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput

# text, place, part of what, part of fix
CASES = [
    ("model { ssd { num_class: 3 } }", "1:15", "unknown field 'num_class' in Ssd", "num_classes"),
    ("model {\n  ssd {\n    num_classes: 'a'\n  }\n}", "3:18", "parse integer", "num_classes: 'a'"),
    ("model {\n ssd { }\n eval_config { }\n}", "3:2", "'eval_config' in DetectionModel", "the top level"),
    ("model { ssd { num_classes: 3 }", "1:30", "not closed", "close every {"),
    ("model { ssd { num_classes: 3 num_classes: 4 } }", "1:43", "given twice in one Ssd", "keep one"),
    ("model { ssd { post_processing { score_converter: SIGMOIDS } } }", "1:50", "'SIGMOIDS'", "SIGMOID?"),
    ("train_config { fine_tune_checkpoint: C:\\a }", "1:38", "Expected string", "straight quotes"),
    ("train_config { fine_tune_checkpoint: \u201ca\u201d }", "1:38", "curly quotes", "straight quotes"),
    ("model { ssd { https://example.org } }", "1:15", "'https'", "web page"),
    ("<!DOCTYPE html>\n<html>", "1:1", "web page", "raw file"),
    ('syntax = "proto2";\npackage a;', "1:1", ".proto schema", "values, not the schema"),
    ("model { ssd { [other.pkg.model] { } } }", "1:", "other.pkg.model", "remove"),
]


@pytest.mark.parametrize(("text", "place", "what", "fix"), CASES)
def test_error(text: str, place: str, what: str, fix: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_pipeline_config(text, "my.config")
    assert caught.value.where.startswith(f"my.config:{place}")
    assert what in caught.value.what
    assert fix in caught.value.fix
    assert "Message type" not in str(caught.value)


def test_typographic_quotes_inside_straight_ones_are_text() -> None:
    text = "model { ssd { } } train_config { fine_tune_checkpoint: 'Ann\u2019s' }"
    assert parse_pipeline_config(text, "a").train_config.fine_tune_checkpoint == "Ann\u2019s"


def test_a_config_without_model_is_refused() -> None:
    with pytest.raises(BadInput, match="no model"):
        parse_pipeline_config("train_config { }", "a.config")
