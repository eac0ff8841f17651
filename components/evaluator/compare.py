"""The Evaluator's work: measure both models, decide, write metrics.json and report.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.evaluator.evaluate import evaluate
from components.evaluator.examples import read_examples
from components.evaluator.gate import decide
from components.evaluator.metrics import ImageDetections
from components.evaluator.pictures import Picture, choose_samples, make_picture
from components.evaluator.records import RunRecords, read_records
from components.evaluator.report import render_report
from components.evaluator.results import METRICS_FILE, REPORT_FILE, Comparison, GateSpec
from detection.config.label_map import LabelMap, read_label_map
from detection.errors import BadInput, Failed

_SAMPLES = 6


@dataclass(frozen=True)
class RunDirectories:
    """Where the earlier nodes' outputs lie."""

    eval_files: list[Path]
    model: Path
    converted: Path
    resolved_config: Path
    quarantine: Path


@dataclass(frozen=True)
class Baseline:
    """The model to compare with. `num_classes` counts where `label_map` is None."""

    title: str
    saved_model: Path
    label_map: LabelMap | None
    num_classes: int | None = None


def compare(
    run: RunDirectories,
    gate: GateSpec,
    published: Path | None,
    tf1_label_map: Path | None,
    out: Path,
    *,
    detector: str,
    lineage: Mapping[str, str],
) -> Comparison:
    """Evaluate the new model and its baseline on the same images, and write the result to `out`.

    Args:
      run: the earlier nodes' outputs.
      gate: what the new model must reach.
      published: directory of the published version to compare with; None for the converted TF1 model.
      tf1_label_map: label map of the TF1 model, if there is one.
      out: an existing directory; gets metrics.json and report.html.
      detector: the detector's name, for the report.
      lineage: facts for the report, title -> value.

    Raises BadInput for a baseline that is not there, and Failed for examples that were lost or records of
    earlier nodes that can't be read.
    """
    records = read_records(run.quarantine, run.resolved_config, run.converted, run.model)
    data_labels = read_label_map(run.resolved_config / "label_map.pbtxt")
    model_labels = read_label_map(run.model / "label_map.pbtxt")
    baseline = _baseline(run, published, tf1_label_map, records.conversion.num_classes_checkpoint)
    candidate, images = evaluate(
        run.model / "saved_model", run.eval_files, data_labels, model_labels, title="new model"
    )
    _require_all(len(images), records)
    reference, _ = evaluate(
        baseline.saved_model,
        run.eval_files,
        data_labels,
        baseline.label_map,
        title=baseline.title,
        model_num_classes=baseline.num_classes,
    )
    comparison = Comparison(
        gate=gate,
        verdict=decide(candidate.metrics, reference.metrics, gate),
        candidate=candidate,
        baseline=reference,
    )
    pictures = _pictures(images, run.eval_files, data_labels)
    facts = {**lineage, "Started from": records.conversion.source, "Baseline": str(baseline.saved_model)}
    (out / METRICS_FILE).write_text(comparison.model_dump_json(indent=2) + "\n")
    (out / REPORT_FILE).write_text(render_report(detector, comparison, records, pictures, facts))
    return comparison


def _require_all(images: int, records: RunRecords) -> None:
    """TensorFlow reads a truncated gzip file as a short one, so the examples are counted."""
    written = records.statistics.splits["eval"].images_written
    if images != written:
        raise Failed(
            f"{images} evaluation examples were read, but ExampleGen wrote {written}",
            "Split-eval of the Examples",
            "run again with --force: files were lost or cut short",
        )


def _baseline(
    run: RunDirectories, published: Path | None, tf1_label_map: Path | None, checkpoint_classes: int
) -> Baseline:
    if published is None:
        return Baseline(
            title="converted TF1 model",
            saved_model=run.converted / "saved_model",
            label_map=read_label_map(tf1_label_map) if tf1_label_map else None,
            num_classes=checkpoint_classes,
        )
    if not (published / "saved_model.pb").is_file():
        raise BadInput(
            "the published version to compare with is not there",
            str(published),
            "plan the run again: it then compares with the version that is live now",
        )
    return Baseline(
        title=f"version {published.name}",
        saved_model=published,
        label_map=read_label_map(published / "label_map.pbtxt"),
    )


def _pictures(images: Sequence[ImageDetections], files: Sequence[Path], label_map: LabelMap) -> list[Picture]:
    """Make the sample pictures; the examples are read once more, since only a few of them are kept."""
    names = {item.id: item.display_name for item in label_map.items}
    chosen = choose_samples(images, _SAMPLES)
    made = {
        index: make_picture(images[index], example.pixels(), example.filename, names)
        for index, example in enumerate(read_examples(files, label_map))
        if index in chosen
    }
    return [made[index] for index in chosen]
