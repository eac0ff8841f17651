"""What the conversion says of the model that a training begins at."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from components.checkpoint_converter.report import ConversionReport
from detection.errors import BadInput


def read_conversion(converted: Path) -> ConversionReport | None:
    """The report of the conversion; None where the training begins at a checkpoint without one.

    Args:
      converted: directory of the conversion.

    Raises:
      BadInput: report.json is no report, or that of another release.
    """
    report = converted / "report.json"
    if not report.is_file():
        return None
    try:
        return ConversionReport.model_validate_json(report.read_bytes())
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"]))
        raise BadInput(
            f"the conversion's report can't be read: {f'{name}: ' if name else ''}{problem['msg']}",
            str(report),
            "convert the model again with this release",
        ) from error
