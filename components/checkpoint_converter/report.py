"""The conversion's report: what was loaded, what was not and why, and how close the proof is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import BaseModel


class Block(BaseModel):
    """Variables of one part of the model: how many it has, how many got the checkpoint's value."""

    block: str
    wanted: int
    loaded: int
    skipped: int


class Variable(BaseModel):
    """A variable by TF1 name, and why it was left out."""

    name: str
    reason: str


class Proof(BaseModel):
    """Largest differences between the converted model and the TF1 graph, from the same uint8 images.

    `max_difference_raw` is relative to the largest absolute value of the TF1 tensor; boxes are in normalised
    coordinates, scores in 0..1.
    """

    images: int
    image_source: str
    max_difference_raw: float
    max_difference_boxes: float
    max_difference_scores: float
    matched_detections: int
    tolerance: float
    passed: bool


class ConversionReport(BaseModel):
    """Everything about one conversion; written as report.json and report.md."""

    source: str
    kind: str
    architecture: str
    num_classes_checkpoint: int
    num_classes_model: int
    blocks: list[Block]
    variables_total: int
    variables_loaded: int
    skipped: list[Variable]
    unused: list[Variable]
    notes: list[str]
    proof: Proof
    seconds: float


def write_report(report: ConversionReport, folder: Path) -> None:
    """Write report.json and report.md into an existing folder."""
    (folder / "report.json").write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(format_report(report), encoding="utf-8")


def format_report(report: ConversionReport) -> str:
    """The report for people, as Markdown."""
    proof = report.proof
    classes = f"{report.num_classes_checkpoint} in the checkpoint, {report.num_classes_model} in the model"
    lines = [
        "# Conversion report",
        "",
        f"- source: `{report.source}` ({report.kind.replace('_', ' ')})",
        f"- architecture: {report.architecture}",
        f"- classes: {classes}",
        f"- variables loaded: {report.variables_loaded} of {report.variables_total}",
        f"- time: {report.seconds:.1f} s",
        *(f"- note: {note}" for note in report.notes),
        "",
        "## Variables of the model",
        "",
        "| block | wanted | loaded | skipped |",
        "|---|---:|---:|---:|",
        *(
            f"| {block.block} | {block.wanted} | {block.loaded} | {block.skipped} |"
            for block in report.blocks
        ),
        "",
        f"## Proof: {'passed' if proof.passed else 'FAILED'}",
        "",
        f"The converted model with the checkpoint's {report.num_classes_checkpoint} classes against "
        "the TF1 graph, "
        f"from the same uint8 pixels: {proof.images} images ({proof.image_source}), "
        f"{proof.matched_detections} detections matched one to one.",
        "",
        "| compared | largest difference | tolerance |",
        "|---|---:|---:|",
        f"| raw predictions, relative to the tensor's largest value | {proof.max_difference_raw:.1e} "
        f"| {proof.tolerance:.0e} |",
        f"| box coordinates, normalised | {proof.max_difference_boxes:.1e} | {proof.tolerance:.0e} |",
        f"| scores | {proof.max_difference_scores:.1e} | {proof.tolerance:.0e} |",
        "",
        *_section("Variables of the model that were not loaded", report.skipped),
        *_section("Variables of the checkpoint that the model does not use", report.unused),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, variables: list[Variable]) -> list[str]:
    if not variables:
        return [f"## {title}", "", "None.", ""]
    counts = Counter(variable.reason for variable in variables)
    lines = [f"## {title}", "", "| reason | variables |", "|---|---:|"]
    lines += [f"| {reason} | {count} |" for reason, count in counts.most_common()]
    lines += ["", "<details><summary>All of them</summary>", ""]
    lines += [f"- `{variable.name}`: {variable.reason}" for variable in variables]
    return [*lines, "", "</details>", ""]
