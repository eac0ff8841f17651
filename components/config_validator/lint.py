"""`upcycle lint`: everything that can be said about a config before a model is built."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from components.config_validator.check import Facts, check
from components.config_validator.checkpoint_facts import read_checkpoint_facts
from components.config_validator.data_facts import read_data_facts
from components.config_validator.explain import CHECKPOINT_FAULT, EXAMPLES_FAULT, explain
from components.config_validator.findings import Finding, by_severity, unfixed_errors
from detection.config.label_map import read_label_map
from detection.config.pipeline_config import KIND
from detection.config.text_fault import TextFault
from detection.config.text_files import read_text, write_text
from detection.errors import BadInput

Fact = TypeVar("Fact")


@dataclass(frozen=True)
class LintResult:
    """The findings, errors first, and what the safe fixes would change (a unified diff, perhaps empty).

    `unreadable` are those of the findings that say why a file could not be read at all.
    """

    findings: list[Finding]
    diff: str = ""
    unreadable: tuple[Finding, ...] = ()

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
    allow: Iterable[str] = (),
    tflite: bool = False,
) -> LintResult:
    """Checks a pipeline.config against what it will be used with.

    Args:
      config_path: the pipeline.config.
      label_map: the classes to learn.
      checkpoint: what CheckpointConverter takes; its table of variables is read.
      examples: a data set that ExampleGen reads; its annotations are read, no image is opened.
      fix_out: where to write the config with the safe fixes made, if it can be read at all.
      allow: codes to do nothing about.
      tflite: whether TFLite models are to be exported.

    A file that can't be read is a finding too; the rules then ask about the rest. Raises BadInput for a code
    in `allow` that is none, and if `fix_out` can't be written.
    """
    faults: list[Finding] = []
    facts = Facts(
        label_map=_read(label_map, read_label_map, "", faults),
        label_map_path=str(label_map or "label map"),
        data=_read(examples, read_data_facts, EXAMPLES_FAULT, faults),
        checkpoint=_read(checkpoint, read_checkpoint_facts, CHECKPOINT_FAULT, faults),
        tflite=tflite,
    )
    try:
        checked = check(read_text(config_path, KIND), config_path, facts, allow=allow)
    except TextFault as fault:
        faults.append(_finding(fault.code, fault.message, fault))
        return LintResult(by_severity(faults), unreadable=tuple(faults))
    if fix_out:
        _write(checked.text, fix_out)
    return LintResult(by_severity([*faults, *checked.findings]), checked.diff, tuple(faults))


def _read(path: Path | None, read: Callable[[Path], Fact], code: str, faults: list[Finding]) -> Fact | None:
    """What `read` finds at `path`; None, with the fault under its own code or `code`, if it can't."""
    if path is None:
        return None
    try:
        return read(path)
    except TextFault as fault:
        faults.append(_finding(fault.code, fault.message, fault))
    except BadInput as fault:
        faults.append(_finding(code, fault.what, fault))
    return None


def _write(text: str, path: Path) -> None:
    try:
        write_text(text, path)
    except OSError as error:
        raise BadInput(
            f"the fixed config can't be written: {error.strerror}", str(path), "name another file for --fix"
        ) from error


def _finding(code: str, message: str, fault: BadInput) -> Finding:
    return Finding(
        code=code,
        severity="error",
        message=message,
        location=fault.where,
        reason=explain(code).why,
        fix=fault.fix,
    )
