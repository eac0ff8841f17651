"""The conversion's report as files, and as Markdown for people."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from components.checkpoint_converter.report import (
    ClassHead,
    ComparedTensor,
    ConversionReport,
    Proof,
    Roundings,
    Variable,
)


def write_report(report: ConversionReport, folder: Path) -> None:
    """Write report.json and report.md into an existing folder."""
    (folder / "report.json").write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(format_report(report), encoding="utf-8")


def format_report(report: ConversionReport, details: bool = True) -> str:
    """The report for people, as Markdown; `details` lists every variable by name."""
    classes = f"{report.num_classes_checkpoint} in the checkpoint, {report.num_classes_model} in the model"
    lines = [
        "# Conversion report",
        "",
        f"- source: `{report.source}` ({report.kind.replace('_', ' ')})",
        f"- architecture: {report.architecture}",
        f"- classes: {classes}",
        f"- {report.class_head.describe()}",
        f"- variables loaded: {report.variables_loaded} of {report.variables_total}",
        f"- time: {report.seconds:.1f} s",
        *(f"- note: {note}" for note in report.notes),
        "",
        "## Variables of the model",
        "",
        "| block | wanted | loaded | fresh | dropped |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {block.block} | {block.wanted} | {block.loaded} | {block.fresh} | {block.dropped} |"
            for block in report.blocks
        ),
        "",
        *_class_section(report.class_head),
        *_proof_section(report.proof, report.num_classes_checkpoint),
        *_variable_section("Variables of the model that are fresh", report.of_state("fresh"), details),
        *_variable_section(
            "Variables of the checkpoint that are dropped", report.of_state("dropped"), details
        ),
        *_hash_section(report.of_state("loaded"), details),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _class_section(head: ClassHead) -> list[str]:
    if head.how != "name":
        return []
    lines = ["## Classes", "", "| id | class | starts from |", "|---:|---|---|"]
    for row in head.rows:
        start = "fresh" if row.source_id is None else f"class {row.source_id} of the checkpoint"
        if row.suggestion is not None:
            start += f"; the checkpoint has `{row.suggestion}`: give both the same name if they are the same"
        lines.append(f"| {row.id} | {row.name} | {start} |")
    if head.left_behind:
        lines += ["", "Classes of the checkpoint left behind: " + ", ".join(head.left_behind) + "."]
    return [*lines, ""]


def _proof_section(proof: Proof | None, classes: int) -> list[str]:
    if proof is None:
        return [
            "## Proof: none",
            "",
            "UNPROVED: the proof was switched off. Nothing shows that this is the TF1 model.",
            "",
        ]
    lines = [
        f"## Proof: {'passed' if proof.passed else 'FAILED'}",
        "",
        f"The converted model with the checkpoint's {_count(classes, 'class', 'classes')} against the TF1 "
        f"graph, from the same uint8 pixels: {_count(proof.images, 'image', 'images')} "
        f"({proof.image_source}), {_count(proof.matched_detections, 'detection', 'detections')} matched one "
        "to one.",
        "",
        "| compared | largest difference | tolerance |",
        "|---|---:|---:|",
        f"| raw predictions, relative to the tensor's largest value | {proof.max_difference_raw:.1e} "
        f"| {proof.tolerance:.0e} |",
        f"| box coordinates, normalised | {proof.max_difference_boxes:.1e} | {proof.tolerance:.0e} |",
        f"| scores | {proof.max_difference_scores:.1e} | {proof.tolerance:.0e} |",
        "",
    ]
    if proof.replayed_images:
        lines += [
            f"On {proof.replayed_images} of the images the detections are of the TF1 graph's raw "
            "predictions: rounding in the model's own tipped an overlap at the NMS's threshold.",
            "",
        ]
    if proof.roundings is not None:
        lines += [_rounding_line(proof.roundings), ""]
    if any(tensor.block == "score_converter" for tensor in proof.tensors):
        lines += [
            "Anchors, box coder and score converter were compared on drawn raw predictions, and both sides "
            "kept the same of them: the post-processing is the same, whatever the images show of it.",
            "",
        ]
    return lines + _tensor_table(proof.tensors)


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _rounding_line(roundings: Roundings) -> str:
    line = (
        f"The network rounds to 8 bits at {roundings.places} places. All above is of the TF1 graph's own "
        "input to each. Not judged, since a flipped rounding is a whole step: where each side rounds what it "
        f"computed, the raw predictions differ by {roundings.apart:.1e}"
    )
    if roundings.moved_by_noise is None:
        return line + "."
    return (
        f"{line}; noise of {roundings.noise:.0e} in the preprocessed image moves the TF1 graph's own by "
        f"{roundings.moved_by_noise:.1e}."
    )


def _tensor_table(tensors: list[ComparedTensor]) -> list[str]:
    if not tensors:
        return []
    return [
        "| block | tensor | largest difference | relative to its largest value |",
        "|---|---|---:|---:|",
        *(
            f"| {tensor.block} | {tensor.tensor} | {tensor.max_absolute:.1e} | {tensor.max_relative:.1e} |"
            for tensor in tensors
        ),
        "",
    ]


def _variable_section(title: str, variables: list[Variable], details: bool) -> list[str]:
    if not variables:
        return [f"## {title}", "", "None.", ""]
    counts = Counter(variable.reason for variable in variables)
    lines = [f"## {title}", "", "| reason | variables |", "|---|---:|"]
    lines += [f"| {reason} | {count} |" for reason, count in counts.most_common()]
    if not details:
        return [*lines, ""]
    lines += ["", "<details><summary>All of them</summary>", ""]
    lines += [f"- `{variable.name}`: {variable.reason}" for variable in variables]
    return [*lines, "", "</details>", ""]


def _hash_section(loaded: list[Variable], details: bool) -> list[str]:
    equal = sum(variable.hash_before == variable.hash_after for variable in loaded)
    said = f"{equal} of {len(loaded)} loaded variables have the source's values, bit by bit."
    lines = ["## Values", "", said, ""]
    if not details:
        return lines
    lines += ["<details><summary>SHA-256 of each, source and model</summary>", ""]
    lines += [f"- `{v.name}`: {v.hash_before} {v.hash_after}" for v in loaded]
    return [*lines, "", "</details>", ""]
