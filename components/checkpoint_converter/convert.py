"""The conversion: read the TF1 variables, load them into a model, prove it, write it. All or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.checkpoint_converter.inspect import checkpoint_num_classes
from components.checkpoint_converter.proof import prove
from components.checkpoint_converter.proof_images import proof_images
from components.checkpoint_converter.report import ConversionReport, Variable, write_report
from components.checkpoint_converter.restore import Restored, require_complete, restore
from components.checkpoint_converter.sources import TF1Variables, read_checkpoint
from detection.builder import build_detector
from detection.config.pipeline_config import write_pipeline_config
from detection.export import export_saved_model
from detection.tf1.frozen_graph import (
    FrozenDetector,
    fake_quantization_count,
    load_frozen_graph,
    without_fake_quantization,
)
from detection.tf1.oracle import write_oracle
from detection.weights import write_weights


def convert(
    config: Any, checkpoint: Path, out: Path, images: list[Path], num_classes: int | None = None
) -> ConversionReport:
    """Convert a TF1 detector to TF2 and prove it.

    Args:
        config: TrainEvalPipelineConfig of the model to fine-tune; all but its number of classes must be the
            checkpoint's.
        checkpoint: TF1 checkpoint (prefix, folder or file of it) or frozen graph.
        out: folder to write: pipeline.config, checkpoint/ckpt-1.* (the model for fine-tuning),
            saved_model/ (the proved model, with the checkpoint's own classes), report.json, report.md.
        images: image files for the proof; the first four count; synthetic images if empty.
        num_classes: of the model for fine-tuning, instead of the config's.

    BadInput for what a user can mend; Failed if part of the model is not loaded or the proof fails. `out` is
    then as it was.
    """
    started = time.monotonic()
    variables, notes = _chosen_variables(read_checkpoint(checkpoint), config)
    classes_before = checkpoint_num_classes(variables)
    resolved = _resolved(config, num_classes)
    classes_after = _detector_config(resolved).num_classes
    pictures, picture_source = proof_images(images)

    proved = build_detector(resolved.model, num_classes=classes_before)
    restored = restore(proved, variables)
    require_complete(restored, variables.path)
    with _complete_or_absent(out) as folder:
        oracle = _oracle(variables, resolved, classes_before, folder, notes)
        threshold = _detector_config(resolved).post_processing.batch_non_max_suppression.score_threshold
        proof = prove(proved, oracle, pictures, picture_source, threshold)
        if not proof.matched_detections:
            notes.append(
                "no detection is above the score threshold on the proof images; raw predictions were compared"
            )
        export_saved_model(proved, folder / "saved_model")

        detector = proved
        if classes_after != classes_before:
            detector = build_detector(resolved.model, num_classes=classes_after)
            restored = restore(detector, variables, fresh_class_head=True)
            require_complete(restored, variables.path)
        write_weights(detector, folder / "checkpoint" / "ckpt-1")
        write_pipeline_config(resolved, folder / "pipeline.config")
        report = ConversionReport(
            source=str(checkpoint),
            kind=variables.kind,
            architecture=_detector_config(resolved).feature_extractor.type,
            num_classes_checkpoint=classes_before,
            num_classes_model=classes_after,
            blocks=restored.blocks(),
            variables_total=len(restored.loaded) + len(restored.skipped),
            variables_loaded=len(restored.loaded),
            skipped=list(restored.skipped),
            unused=_unused(variables, restored),
            notes=notes,
            proof=proof,
            seconds=round(time.monotonic() - started, 2),
        )
        write_report(report, folder)
    return report


def _chosen_variables(variables: TF1Variables, config: Any) -> tuple[TF1Variables, list[str]]:
    use_averages = config.eval_config.use_moving_averages
    notes = []
    if use_averages and variables.kind == "frozen_graph":
        notes.append(
            "eval_config.use_moving_averages: the exporter has already put the averages into a frozen graph"
        )
    elif use_averages and not variables.averages:
        notes.append(
            "eval_config.use_moving_averages is true, but the checkpoint holds none: raw values were taken"
        )
    elif use_averages:
        notes.append(f"{len(variables.averages)} variables take their moving average")
    return variables.for_inference(use_averages), notes


def _detector_config(config: Any) -> Any:
    return getattr(config.model, config.model.WhichOneof("model"))


def _resolved(config: Any, num_classes: int | None) -> Any:
    resolved = type(config)()
    resolved.CopyFrom(config)
    if num_classes is not None:
        _detector_config(resolved).num_classes = num_classes
    return resolved


def _oracle(
    variables: TF1Variables, config: Any, num_classes: int, folder: Path, notes: list[str]
) -> FrozenDetector:
    """The TF1 graph to prove against: the user's own frozen graph, or one built by the TF1 code."""
    if variables.graph is not None:
        graph_def = load_frozen_graph(variables.graph)
        fake = fake_quantization_count(graph_def)
        if fake:
            notes.append(
                f"proved against the float graph: {fake} fake-quantisation nodes pass their input on"
            )
            graph_def = without_fake_quantization(graph_def)
        return FrozenDetector(graph_def, str(variables.graph))
    with tempfile.TemporaryDirectory(prefix="oracle-", dir=folder) as scratch:
        source, frozen = Path(scratch) / "pipeline.config", Path(scratch) / "frozen_inference_graph.pb"
        write_pipeline_config(config, source)
        write_oracle(source, variables.path, frozen, num_classes)
        return FrozenDetector(load_frozen_graph(frozen), variables.path)


def _unused(variables: TF1Variables, restored: Restored) -> list[Variable]:
    fresh = {variable.name for variable in restored.fresh}
    reasons = dict(variables.ignored)
    for name in set(variables) - set(restored.loaded):
        reasons[name] = (
            "class predictor of the checkpoint's own classes; kept in saved_model/"
            if name in fresh
            else "the model has no variable of this name"
        )
    return [Variable(name=name, reason=reason) for name, reason in sorted(reasons.items())]


@contextmanager
def _complete_or_absent(out: Path) -> Iterator[Path]:
    """A scratch folder beside `out` that becomes `out` when the block succeeds, and vanishes when not."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a conversion that was killed
    partial.mkdir()
    try:
        yield partial
        if out.exists():
            shutil.rmtree(out)
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
