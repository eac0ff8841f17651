"""Every rule with its code, and `validate`, which asks them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from components.config_validator import (
    rules_anchors,
    rules_augmentation,
    rules_augmentation_ranges,
    rules_batch_norm,
    rules_checkpoint,
    rules_classes,
    rules_data,
    rules_evaluation,
    rules_export,
    rules_feature_maps,
    rules_fine_tuning,
    rules_ignored,
    rules_image_size,
    rules_learning_rate,
    rules_model,
    rules_optimizer,
    rules_options,
    rules_output,
    rules_parts,
    rules_paths,
    rules_schedule,
    rules_training,
    rules_two_stage,
)
from components.config_validator.findings import Finding, by_severity
from components.config_validator.locate import Locator
from components.config_validator.subject import Problem, Rule, Subject

_MODULES = (
    rules_anchors,
    rules_augmentation,
    rules_augmentation_ranges,
    rules_batch_norm,
    rules_checkpoint,
    rules_classes,
    rules_data,
    rules_evaluation,
    rules_export,
    rules_feature_maps,
    rules_fine_tuning,
    rules_ignored,
    rules_image_size,
    rules_learning_rate,
    rules_model,
    rules_optimizer,
    rules_options,
    rules_output,
    rules_parts,
    rules_paths,
    rules_schedule,
    rules_training,
    rules_two_stage,
)
# A code is stable: reports, tests and docs name it.
RULES: tuple[Rule, ...] = tuple(
    sorted((rule for module in _MODULES for rule in module.RULES), key=lambda rule: rule.code)
)


def validate(
    subject: Subject, text: str, path: Path | str, given_line: Callable[[int], int] = lambda line: line
) -> list[Finding]:
    """What the rules say about a config, errors first.

    Args:
      subject: the config, and what it will be used with.
      text: the text that the config was parsed from, for the lines.
      path: its file, for the locations.
      given_line: the line of the file that a line of `text` came from, where `text` was edited.
    """
    locator = Locator(text)

    def location(problem: Problem) -> str:
        return problem.place or f"{path}:{given_line(locator.line_of(problem.field))}"

    return by_severity(
        _finding(rule.code, problem, location(problem)) for rule in RULES for problem in rule.check(subject)
    )


def _finding(code: str, problem: Problem, location: str) -> Finding:
    return Finding(
        code=code,
        severity=problem.severity,
        message=problem.message,
        location=location,
        reason=problem.reason,
        fix=problem.fix,
        safe=bool(problem.changes),
        changes=problem.changes,
    )
