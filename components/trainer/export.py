"""What a training leaves: the detector to serve and to go on from, and what is to be known about it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from components.trainer.hyper_parameters import HyperParameters
from components.trainer.job import TrainingJob
from components.trainer.metadata import ModelMetadata, Weights, describe_model
from components.trainer.model_card import MODEL_CARD, format_model_card
from components.trainer.results import TrainingResult
from components.trainer.state import TrainingState
from components.trainer.tflite import write_tflite
from detection.config.pipeline_config import write_pipeline_config
from detection.config.text_files import write_text
from detection.detector import Detector
from detection.export import export_saved_model
from detection.export_tflite import require_convertible
from detection.weights import write_weights

# Part of a SavedModel that TensorFlow and TF Serving leave alone: nothing in the graph reads it.
_EXTRA = "assets.extra"


def write_outputs(
    job: TrainingJob, detector: Detector, result: TrainingResult, settings: HyperParameters
) -> None:
    """Writes all of a training's output but what write_other_step writes; training.json comes last.

    A retry writes everything again: it may find half of an export. `settings` are for the model card.
    """
    out = job.paths.out
    out.mkdir(parents=True, exist_ok=True)
    metadata = describe_model(job, result.exported_step, result.exported_weights)
    write_weights(detector, out / "checkpoint" / "ckpt-1")
    _write_saved_model(job, detector, metadata, out / "saved_model")
    if job.export.tflite:
        write_tflite(job, require_convertible(detector, job.config.model), metadata)
    write_pipeline_config(job.config, out / "pipeline.config")
    shutil.copyfile(job.paths.label_map, out / "label_map.pbtxt")
    write_text(format_model_card(job, result, metadata, settings), out / MODEL_CARD)
    write_text(result.model_dump_json(indent=2), out / "training.json")


def write_other_step(
    job: TrainingJob, state: TrainingState, weights: Weights, detector: Callable[[], Detector]
) -> None:
    """Writes last/saved_model where `train.keep` is best, and best/saved_model where it is last.

    Nothing, if they are the same step or no validation was done. The model of `state` has other weights then.

    Args:
      job: the training.
      state: at its end.
      weights: what is exported of a step.
      detector: the model of `state` as it is exported, with the weights that it has when this is called.
    """
    best = state.load_best()
    if best is None or best == state.step:
        return
    name, step = ("last", state.load_last()) if job.options.keep == "best" else ("best", best)
    metadata = describe_model(job, step, weights)
    _write_saved_model(job, detector(), metadata, job.paths.out / name / "saved_model")


def _write_saved_model(
    job: TrainingJob, detector: Detector, metadata: ModelMetadata, directory: Path
) -> None:
    """A SavedModel with its label map and metadata.json in assets.extra."""
    shutil.rmtree(directory, ignore_errors=True)  # SavedModels are not written over
    export_saved_model(detector, directory)
    extra = directory / _EXTRA
    extra.mkdir()
    shutil.copyfile(job.paths.label_map, extra / "label_map.pbtxt")
    write_text(metadata.model_dump_json(indent=2), extra / "metadata.json")
