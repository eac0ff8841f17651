"""What a training leaves: the detector to serve and to go on from, and what is to be known about it."""

from __future__ import annotations

import shutil

from components.trainer.job import TrainingJob
from components.trainer.results import TrainingResult
from detection.config.pipeline_config import write_pipeline_config
from detection.config.text_files import write_text
from detection.detector import Detector
from detection.export import export_saved_model
from detection.weights import write_weights


def write_outputs(job: TrainingJob, detector: Detector, result: TrainingResult) -> None:
    """Writes saved_model/, checkpoint/, pipeline.config, label_map.pbtxt and, last, training.json."""
    out = job.paths.out
    out.mkdir(parents=True, exist_ok=True)
    write_weights(detector, out / "checkpoint" / "ckpt-1")
    # A retry may find half of an export; SavedModels are not written over.
    shutil.rmtree(out / "saved_model", ignore_errors=True)
    export_saved_model(detector, out / "saved_model")
    write_pipeline_config(job.config, out / "pipeline.config")
    shutil.copyfile(job.paths.label_map, out / "label_map.pbtxt")
    write_text(result.model_dump_json(indent=2), out / "training.json")
