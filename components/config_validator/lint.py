"""`upcycle lint`: everything that can be said about a config before a model is built."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from components.config_validator.findings import Finding, unfixed_errors
from components.config_validator.fixes import apply_fixes, diff_configs
from components.config_validator.rules import validate
from detection.config.label_map import read_label_map
from detection.config.pipeline_config import KIND, parse_pipeline_config, write_pipeline_config
from detection.config.text_files import read_text


@dataclass(frozen=True)
class LintResult:
    """The findings, errors first, and what the safe fixes would change (a unified diff, perhaps empty)."""

    findings: list[Finding]
    diff: str

    @property
    def errors(self) -> list[Finding]:
        """The errors that a person must correct."""
        return unfixed_errors(self.findings)


def lint(
    config_path: Path,
    label_map: Path | None = None,
    checkpoint: Path | None = None,
    examples: Path | None = None,
    fix_out: Path | None = None,
) -> LintResult:
    """Checks a pipeline.config against what it will be used with.

    Args:
      config_path: the pipeline.config.
      label_map: the classes to learn.
      checkpoint: a TF1 checkpoint or frozen graph; its class count is read (this needs TensorFlow).
      examples: a folder of Pascal VOC data, or a CSV; its class names are counted.
      fix_out: where to write the config with the safe fixes made.

    Raises BadInput if one of the files can't be read at all.
    """
    text = read_text(config_path, KIND)
    config = parse_pipeline_config(text, str(config_path))
    findings = validate(
        config,
        text,
        config_path,
        label_map=read_label_map(label_map) if label_map else None,
        label_map_path=label_map or "label map",
        checkpoint_num_classes=_checkpoint_num_classes(checkpoint) if checkpoint else None,
        num_examples_by_class=count_classes(examples) if examples else None,
        examples_path=examples or "examples",
    )
    fixed = apply_fixes(config, findings)
    if fix_out:
        write_pipeline_config(fixed, fix_out)
    return LintResult(findings, diff_configs(config, fixed))


def count_classes(examples: Path) -> dict[str, int]:
    """Boxes by class name in a data set that ExampleGen can read; BadInput if it can't."""
    from components.example_gen.read import read_split

    records = read_split(examples, "auto", "")
    return dict(Counter(box.label for record in records for box in record.boxes))


def _checkpoint_num_classes(checkpoint: Path) -> int | None:
    from components.checkpoint_converter.classification import is_classification
    from components.checkpoint_converter.inspect import checkpoint_num_classes
    from components.checkpoint_converter.sources import read_checkpoint

    variables = read_checkpoint(checkpoint)
    return None if is_classification(variables) else checkpoint_num_classes(variables)
