"""The Evaluator's work: measure the models, decide, write metrics.json and report.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.evaluator.baseline import (
    Reference,
    converted_tf1_model,
    kept_classes,
    published_version,
    require_old_classes,
)
from components.evaluator.detector import SavedDetector
from components.evaluator.differences import judge_of
from components.evaluator.evaluate import EvaluatedModel, EvaluationData, evaluate
from components.evaluator.examples import read_examples
from components.evaluator.gallery import Gallery, make_gallery
from components.evaluator.gate import Measured, decide, require_known_classes
from components.evaluator.options import EvaluateOptions, GateOptions
from components.evaluator.records import RunRecords, read_records
from components.evaluator.report import render_report
from components.evaluator.results import METRICS_FILE, REPORT_FILE, Comparison, OldClasses
from components.evaluator.serving_cost import serving_cost
from components.evaluator.slices import slice_images
from components.evaluator.smoke_test import SmokeTest, write_smoke_test
from detection.config.label_map import LabelMap, LabelMapItem, read_label_map
from detection.errors import BadInput, Failed


@dataclass(frozen=True)
class RunDirectories:
    """Where the earlier nodes' outputs lie."""

    eval_files: list[Path]
    model: Path
    converted: Path
    resolved_config: Path
    quarantine: Path


def compare(
    run: RunDirectories,
    gate: GateOptions,
    options: EvaluateOptions,
    published: Path | None,
    tf1_label_map: Path | None,
    out: Path,
    *,
    detector: str,
    lineage: Mapping[str, str],
    published_place: str = "",
) -> Comparison:
    """Evaluate the new model and its baseline on the same images, and write the result to `out`.

    Args:
      run: the earlier nodes' outputs.
      gate: what the new model must reach.
      options: how the models are measured.
      published: directory of the published version to compare with; None for the converted TF1 model.
      tf1_label_map: label map of the TF1 model, if there is one.
      out: an existing directory; gets metrics.json, report.html, and the smoke test for the Pusher.
      detector: the detector's name, for the report.
      lineage: facts for the report, title -> value.
      published_place: where the published version lies, if `published` is a copy.

    Raises BadInput for a baseline that is not there, or options that don't fit the data, and Failed for
    examples that were lost or records of earlier nodes that can't be read.
    """
    records = read_records(run.quarantine, run.resolved_config, run.converted, run.model)
    labels = read_label_map(run.resolved_config / "label_map.pbtxt")
    require_known_classes(gate, labels)
    tf1_classes = records.conversion.num_classes_checkpoint
    models = _Models(run, options, published, published_place, tf1_label_map, tf1_classes)
    kept = kept_classes(labels, models.tf1.label_map)
    require_old_classes(kept, options, gate)
    data = EvaluationData(run.eval_files, labels, records.statistics.splits["eval"].images_written)

    candidate = models.measure(models.candidate, data)
    _require_all(len(candidate.images), records)
    pixels = next(read_examples(run.eval_files, labels)).pixels()
    new_detector = models.loaded(models.candidate)
    cost = serving_cost(new_detector, models.candidate.saved_model, pixels)
    (found,) = new_detector.detect(pixels[None])
    write_smoke_test(SmokeTest(pixels, found.boxes, found.scores, found.classes), out)
    baseline = models.measure(models.baseline, data)
    tf1 = models.measure(models.tf1, data) if kept else None

    judge = judge_of(labels, gate.metric, options)
    differences = judge.differences(candidate, baseline)
    slices = judge.slices(
        candidate, baseline, slice_images(candidate.facts, options.slices), options.min_slice_images
    )
    old_classes = []
    if tf1 is not None:
        ids = [data_id for _, data_id in kept]
        old_classes.append(judge.old_classes("evaluation set", candidate, baseline, tf1, ids))
    if options.old_eval:
        old_classes.append(_on_old_images(models, options, gate, kept))

    proof = records.conversion.proof
    measured = Measured(
        candidate=candidate.evaluation.metrics,
        differences=differences,
        slices=slices,
        old_classes=old_classes,
        cost=cost,
        proved=None if proof is None else proof.passed,
        confidence=options.confidence,
    )
    comparison = Comparison(
        gate=gate,
        verdict=decide(measured, gate),
        candidate=candidate.evaluation,
        baseline=baseline.evaluation,
        tf1=tf1.evaluation if tf1 is not None and models.tf1 != models.baseline else None,
        differences=differences,
        slices=slices,
        old_classes=old_classes,
        cost=cost,
        confidence=options.confidence,
    )
    gallery = _gallery(candidate, run.eval_files, labels)
    facts = {
        **lineage,
        "Started from": records.conversion.source,
        "Baseline": models.baseline.where,
    }
    (out / METRICS_FILE).write_text(comparison.model_dump_json(indent=2) + "\n")
    (out / REPORT_FILE).write_text(render_report(detector, comparison, records, gallery, facts))
    return comparison


class _Models:
    """The models of a run, each loaded once and measured once on each set of images."""

    def __init__(
        self,
        run: RunDirectories,
        options: EvaluateOptions,
        published: Path | None,
        published_place: str,
        tf1_label_map: Path | None,
        tf1_classes: int,
    ) -> None:
        self.tf1 = converted_tf1_model(run.converted, tf1_label_map, tf1_classes)
        self.baseline = self.tf1 if published is None else published_version(published, published_place)
        self.candidate = Reference(
            "new model", run.model / "saved_model", read_label_map(run.model / "label_map.pbtxt")
        )
        self._options = options
        self._loaded: dict[Path, SavedDetector] = {}
        self._measured: dict[tuple[Path, tuple[Path, ...], LabelMap], EvaluatedModel] = {}

    def loaded(self, model: Reference) -> SavedDetector:
        if model.saved_model not in self._loaded:
            self._loaded[model.saved_model] = SavedDetector(model.saved_model, self._options.batch_size)
        return self._loaded[model.saved_model]

    def measure(self, model: Reference, data: EvaluationData) -> EvaluatedModel:
        key = model.saved_model, tuple(data.files), data.label_map
        if key not in self._measured:
            self._measured[key] = evaluate(
                self.loaded(model),
                data,
                model.label_map,
                title=model.title,
                saved_model=model.where,
                model_num_classes=model.num_classes,
                operating_score=self._options.operating_score,
            )
        return self._measured[key]


def _on_old_images(
    models: _Models, options: EvaluateOptions, gate: GateOptions, kept: Sequence[tuple[LabelMapItem, int]]
) -> OldClasses:
    """The classes that both the TF1 model and the data have, on the old evaluation set."""
    labels = LabelMap(tuple(item for item, _ in kept))
    data = EvaluationData([Path(path) for path in options.old_eval or ()], labels, skip_unknown=True)
    candidate, baseline, tf1 = (
        models.measure(model, data) for model in (models.candidate, models.baseline, models.tf1)
    )
    judge = judge_of(labels, gate.metric, options)
    return judge.old_classes(
        "old evaluation set", candidate, baseline, tf1, [item.id for item in labels.items]
    )


def _require_all(images: int, records: RunRecords) -> None:
    """TensorFlow reads a truncated gzip file as a short one, so the examples are counted."""
    written = records.statistics.splits["eval"].images_written
    if images != written:
        raise Failed(
            f"{images} evaluation examples were read, but ExampleGen wrote {written}",
            "Split-eval of the Examples",
            "run again with --force: files were lost or cut short",
        )
    if not images:
        raise BadInput(
            "there are no evaluation examples", "Split-eval", "give data.eval, or data.eval_fraction > 0"
        )


def _gallery(candidate: EvaluatedModel, files: Sequence[Path], label_map: LabelMap) -> Gallery:
    analysis = candidate.evaluation.analysis
    assert analysis is not None  # evaluate() always makes it
    score = analysis.operating_point.score
    examples = ((example.pixels, example.filename) for example in read_examples(files, label_map))
    names = {item.id: item.display_name for item in label_map.items}
    return make_gallery(candidate.images, examples, names, score)
