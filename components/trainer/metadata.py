"""metadata.json inside an exported SavedModel: what the model is and where it comes from."""

from __future__ import annotations

from typing import Literal

import keras
import tensorflow as tf
from google.protobuf import text_format
from pydantic import BaseModel

from components.trainer.job import TrainingJob
from detection.config.architectures import architecture_of
from detection.config.label_map import read_label_map

Weights = Literal["values", "averages"]


class ProofFigures(BaseModel):
    """The conversion's proof in numbers; see checkpoint_converter.report.Proof."""

    images: int
    matched_detections: int
    max_difference_raw: float
    max_difference_boxes: float
    max_difference_scores: float
    tolerance: float


class ModelMetadata(BaseModel):
    """What can be said of an exported model; the same for every training that gives the same model.

    `image_resizer` is pipeline.config's, in its own words. `weights` are the trained variables' averages or
    their own values, of `step`. `variables_converted` of `variables_total` came from the TF1 checkpoint; they
    and the proof are None without a conversion report, and the proof also if the conversion was not proved.
    """

    architecture: str
    classes: dict[int, str]
    image_resizer: str
    step: int
    weights: Weights
    train_images: int
    eval_images: int
    batch_size: int
    variables_total: int | None
    variables_converted: int | None
    proof: ProofFigures | None
    software: dict[str, str]


def describe_model(job: TrainingJob, step: int, weights: Weights) -> ModelMetadata:
    """The metadata of the model that `job` has trained for `step` steps."""
    model = job.config.model
    conversion = job.conversion
    proof = conversion.proof if conversion else None
    resizer = getattr(model, model.WhichOneof("model")).image_resizer
    return ModelMetadata(
        architecture=architecture_of(model),
        classes={item.id: item.display_name for item in read_label_map(job.paths.label_map).items},
        image_resizer=text_format.MessageToString(resizer, as_one_line=True),
        step=step,
        weights=weights,
        train_images=job.train_images,
        eval_images=job.eval_images,
        batch_size=job.batch_size,
        variables_total=conversion.variables_total if conversion else None,
        variables_converted=conversion.variables_loaded if conversion else None,
        proof=ProofFigures.model_validate(proof.model_dump()) if proof else None,
        software={"tensorflow": tf.__version__, "keras": keras.__version__},
    )
