"""The conversion: read the TF1 variables, load them into a model, prove it, write it. All or nothing."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from components.checkpoint_converter.averages import Weights, choose_weights
from components.checkpoint_converter.class_head import prior_bias
from components.checkpoint_converter.class_rows import match_classes, no_classes
from components.checkpoint_converter.classification import as_detector, mark_fresh
from components.checkpoint_converter.inspect import checkpoint_num_classes, is_classification
from components.checkpoint_converter.mask_head import keep_mask_depth
from components.checkpoint_converter.output import require_free, whole_folder
from components.checkpoint_converter.proof import prove
from components.checkpoint_converter.proof_images import proof_images
from components.checkpoint_converter.proof_stages import score_threshold
from components.checkpoint_converter.report import ConversionReport
from components.checkpoint_converter.report_text import write_report
from components.checkpoint_converter.restore import (
    count_blocks,
    dropped,
    require_complete,
    require_finite,
    require_no_leftovers,
    restore,
)
from components.checkpoint_converter.reverse import write_tf1_checkpoint
from components.checkpoint_converter.sources import TF2_CHECKPOINT, TF1Variables, read_checkpoint
from components.checkpoint_converter.tf2_checkpoint import require_config
from components.checkpoint_converter.unfold import with_batch_norms
from detection.builder import build_detector
from detection.config.architectures import require_kind
from detection.config.keras_twins import in_tf1_terms, in_tf2_terms
from detection.config.label_map import LabelMap
from detection.config.pipeline_config import write_pipeline_config
from detection.detector import Detector
from detection.errors import BadInput
from detection.export import export_saved_model
from detection.tf1.frozen_graph import FrozenDetector, load_frozen_graph
from detection.tf1.oracle import write_oracle
from detection.tf1.rounding_graph import without_fake_quantization
from detection.weights import write_weights

_MOST_CLASSES = 100_000  # the largest data sets have a tenth of it; a slip of the keyboard has more
_SEED = 0  # train.seed is the Trainer's: it is no reason to convert again


@dataclass(frozen=True)
class Options:
    """What a conversion may be told beyond its inputs.

    Attributes:
        num_classes: of the model for fine-tuning, instead of the config's; `label_map` alone sets it too.
        label_map: the classes of the model for fine-tuning.
        old_label_map: the classes of the checkpoint; with both, class rows are carried over by name.
        weights: a training checkpoint's "averages" or "raw" values; "config": as its eval_config says.
        proof: whether to prove the conversion; without, the report says that it is unproved.
    """

    num_classes: int | None = None
    label_map: LabelMap | None = None
    old_label_map: LabelMap | None = None
    weights: Weights = "config"
    proof: bool = True


def convert(
    config: Any, checkpoint: Path, out: Path, images: list[Path], options: Options | None = None
) -> ConversionReport:
    """Convert a TF1 detector to TF2 and prove it.

    Args:
        config: TrainEvalPipelineConfig of the model to fine-tune; all but its number of classes must be the
            checkpoint's.
        checkpoint: TF1 checkpoint (prefix, folder or file of it), frozen graph or TF1 SavedModel; a TF2
            checkpoint, if TF1 has the same model; or the classification checkpoint of the backbone, if
            train_config asks for one.
        out: folder to write: pipeline.config, checkpoint/ckpt-1.* (the model for fine-tuning),
            saved_model/ (the proved model, with the checkpoint's own classes), report.json, report.md. It
            must be absent, empty or an earlier conversion, which is replaced.
        images: image files for the proof; the first four count; synthetic images if empty.
        options: see Options.

    BadInput for what a user can mend; Failed if part of the model is not loaded or the proof fails. `out` is
    then as it was.
    """
    started = time.monotonic()
    options = options or Options()
    require_free(out)
    require_kind(config.model)
    source = read_checkpoint(checkpoint)
    config = in_tf1_terms(config)
    if source.kind == TF2_CHECKPOINT:
        require_config(source, config, source.path)
    variables, use_averages, notes = choose_weights(source, config, options.weights)
    if checkpoint.is_dir() or checkpoint.name == "checkpoint":
        notes.append(f"read of the folder: {Path(source.path).name}")
    resolved = _resolved(config, _classes_wanted(options))
    keep_mask_depth(resolved, variables, notes)
    if is_classification(variables):
        variables = as_detector(variables, _built(resolved.model), config, notes)
    classes_before = checkpoint_num_classes(variables)
    classes_after = _detector_config(resolved).num_classes
    head = (
        no_classes(options.label_map, classes_after)
        if variables.fresh
        else match_classes(options.old_label_map, options.label_map, classes_before, classes_after)
    )
    pictures, picture_source = proof_images(images)

    converted = _built(resolved.model, classes_before)
    if converted.no_native_model is not None:
        notes.append(f"runs through the Object Detection API's own TF1 code: {converted.no_native_model}")
    variables = with_batch_norms(variables, converted, notes)
    restored = mark_fresh(restore(converted, variables), variables.fresh)
    require_complete(restored, variables.path)
    require_no_leftovers(variables, restored)
    require_finite(converted, variables.path)
    with whole_folder(out) as folder:
        proof = None
        if options.proof:
            names = {variable.name for variable in restored.loaded}
            oracle = _oracle(variables, names, resolved, classes_before, use_averages, folder, notes)
            threshold = score_threshold(resolved.model)
            proof = prove(converted, oracle, pictures, picture_source, threshold)
            if not proof.matched_detections:
                notes.append(
                    "no detection is above the score threshold on the proof images; "
                    "raw predictions were compared"
                )
        export_saved_model(converted, folder / "saved_model")

        detector = converted
        if not head.is_unchanged:
            detector = _built(resolved.model, head.classes_after)
            restored = restore(detector, variables, head, prior_bias(resolved.model))
            require_complete(restored, variables.path)
        write_weights(detector, folder / "checkpoint" / "ckpt-1")
        write_pipeline_config(resolved, folder / "pipeline.config")
        accounted = [*restored.loaded, *restored.fresh, *dropped(variables, restored)]
        report = ConversionReport(
            source=str(checkpoint),
            kind=variables.kind,
            architecture=_detector_config(resolved).feature_extractor.type,
            num_classes_checkpoint=classes_before,
            num_classes_model=head.classes_after,
            class_head=head,
            blocks=count_blocks(accounted),
            variables_total=len(restored.loaded) + len(restored.fresh),
            variables_loaded=len(restored.loaded),
            variables=accounted,
            notes=notes,
            proof=proof,
            seconds=round(time.monotonic() - started, 2),
        )
        write_report(report, folder)
    return report


def _classes_wanted(options: Options) -> int | None:
    """The number of classes that the options ask for; None: the config's."""
    labels = options.label_map.num_classes if options.label_map else 0
    most = max(labels, options.num_classes or 0)
    if most > _MOST_CLASSES:
        raise BadInput(
            f"{most} classes are asked for: no memory holds such a class head",
            "the label map of the model, whose highest id counts" if labels else "the number of classes",
            "number the items of the label map from 1 without gaps" if labels else "correct the number",
        )
    if options.label_map is None:
        return options.num_classes
    if options.num_classes is not None and options.num_classes < labels:
        raise BadInput(
            f"{options.num_classes} classes are asked for, but the label map has the id {labels}",
            "the label map of the model",
            "leave the number out: the label map says it",
        )
    return options.num_classes or labels


def _detector_config(config: Any) -> Any:
    return getattr(config.model, config.model.WhichOneof("model"))


def _built(model: Any, num_classes: int | None = None) -> Detector:
    """The detector of a DetectionModel; what no checkpoint fills has the same first values every time."""
    keras.utils.set_random_seed(_SEED)
    return build_detector(model, num_classes=num_classes)


def _resolved(config: Any, num_classes: int | None) -> Any:
    resolved = type(config)()
    resolved.CopyFrom(config)
    if num_classes is not None:
        _detector_config(resolved).num_classes = num_classes
    return resolved


def _oracle(
    variables: TF1Variables,
    names: set[str],
    config: Any,
    num_classes: int,
    use_averages: bool,
    folder: Path,
    notes: list[str],
) -> FrozenDetector:
    """The graph to prove against: the user's own frozen graph, or one built by the OD API's own code.

    For a TF2 checkpoint that is the Keras model's, with TensorFlow's own restore. `names` are those of the
    model's variables: rounding within ranges that are none of them is of training for quantisation only.
    """
    if variables.graph is not None:
        graph_def, fake = without_fake_quantization(load_frozen_graph(variables.graph), names)
        if fake:
            notes.append(
                f"proved against the float graph: {fake} fake-quantisation nodes pass their input on"
            )
        return FrozenDetector(graph_def, str(variables.graph))
    with tempfile.TemporaryDirectory(prefix="oracle-", dir=folder) as scratch:
        source, frozen = Path(scratch) / "pipeline.config", Path(scratch) / "frozen_inference_graph.pb"
        same_values = _resolved(config, None)
        same_values.eval_config.use_moving_averages = use_averages
        if variables.kind == TF2_CHECKPOINT:
            same_values = in_tf2_terms(same_values)
        write_pipeline_config(same_values, source)
        prefix = variables.path
        if variables.fresh:  # TF1 has no values of its own for these: both sides get the same ones
            prefix = str(Path(scratch) / "model.ckpt")
            write_tf1_checkpoint(variables, Path(prefix))
        write_oracle(source, prefix, frozen, num_classes)
        return FrozenDetector(load_frozen_graph(frozen), variables.path)
