"""Every rule with its code, and `validate`, which asks them all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.config_validator import (
    rules_data,
    rules_feature_maps,
    rules_model,
    rules_output,
    rules_schedule,
    rules_training,
)
from components.config_validator.findings import Finding
from components.config_validator.locate import field_lines, line_of
from components.config_validator.subject import Problem, Rule, Subject
from detection.config.label_map import LabelMap

# A code is stable: reports, tests and docs name it.
RULES = (
    Rule("CFG001", "num_classes against the label map", rules_model.num_classes_is_the_label_maps),
    Rule("CFG002", "num_classes against the checkpoint", rules_model.num_classes_is_the_checkpoints),
    Rule("CFG003", "supported architecture", rules_model.architecture_is_supported),
    Rule("CFG004", "feature extractor", rules_model.feature_extractor_is_there),
    Rule("CFG005", "image size", rules_model.image_size_is_usable),
    Rule("CFG006", "parts of the model", rules_model.parts_are_supported),
    Rule("CFG007", "score converter against the loss", rules_output.scores_fit_the_loss),
    Rule("CFG008", "non-maximum suppression", rules_output.suppression_keeps_detections),
    Rule("CFG009", "quantisation", rules_output.quantisation_is_dropped),
    Rule("CFG010", "placeholders for paths", rules_data.paths_are_configured),
    Rule("CFG011", "batch size", rules_training.batch_size_is_usable),
    Rule("CFG012", "learning rate", rules_schedule.learning_rate_suits_fine_tuning),
    Rule("CFG013", "number of steps", rules_schedule.num_steps_is_usable),
    Rule("CFG014", "steps of the schedule", rules_schedule.schedule_ends_with_training),
    Rule("CFG015", "fine_tune_checkpoint_type", rules_training.checkpoint_type_is_known),
    Rule("CFG016", "augmentations", rules_training.augmentations_are_applied),
    Rule("CFG017", "patterns of variables", rules_training.patterns_are_regular_expressions),
    Rule("CFG018", "distributed training", rules_training.distributed_settings_are_ignored),
    Rule("CFG019", "optimizer", rules_schedule.optimizer_is_there),
    Rule("CFG020", "ids of the label map", rules_data.label_ids_are_contiguous),
    Rule("CFG021", "label maps of training and evaluation", rules_data.label_map_paths_agree),
    Rule("CFG022", "classes of the examples", rules_data.examples_are_in_the_label_map),
    Rule("CFG023", "classes without examples", rules_data.classes_have_examples),
    Rule("CFG024", "anchors against feature maps", rules_feature_maps.anchors_fit_feature_maps),
    Rule(
        "CFG025",
        "image size against the feature pyramid",
        rules_feature_maps.image_size_fits_the_pyramid,
    ),
)


def validate(
    config: Any,
    text: str,
    path: Path | str,
    *,
    label_map: LabelMap | None = None,
    label_map_path: Path | str = "label map",
    checkpoint_num_classes: int | None = None,
    num_examples_by_class: Mapping[str, int] | None = None,
    examples_path: Path | str = "examples",
) -> list[Finding]:
    """What the rules say about a config, errors first.

    Args:
      config: TrainEvalPipelineConfig.
      text: the text it was read from, for the lines.
      path: the file, for the locations.
      label_map: the classes to learn.
      checkpoint_num_classes: the classes of the checkpoint, background excluded.
      num_examples_by_class: boxes in the data, by class name.
    """
    subject = Subject(
        config,
        label_map,
        str(label_map_path),
        checkpoint_num_classes,
        num_examples_by_class,
        str(examples_path),
    )
    lines = field_lines(text)
    findings = [
        _finding(rule.code, problem, path, lines) for rule in RULES for problem in rule.check(subject)
    ]
    order = ("error", "warning", "info")
    return sorted(findings, key=lambda finding: (order.index(finding.severity), finding.code))


def _finding(code: str, problem: Problem, path: Path | str, lines: dict[str, int]) -> Finding:
    return Finding(
        code=code,
        severity=problem.severity,
        message=problem.message,
        location=problem.place or f"{path}:{line_of(lines, problem.field)}",
        reason=problem.reason,
        fix=problem.fix,
        safe=bool(problem.changes),
        changes=problem.changes,
    )
