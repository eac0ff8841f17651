"""TFLite models beside the SavedModel, with what an app must know to use them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
from pydantic import BaseModel

from components.trainer.dataset import make_training_dataset
from components.trainer.job import TrainingJob
from components.trainer.metadata import ModelMetadata
from detection.augment import build_augmentations
from detection.config.text_files import write_text
from detection.export_tflite import INPUT, OUTPUTS, Kind, export_tflite, file_name
from detection.ssd import SSD

_UNNAMED = "???"  # the OD API's word for an id that the label map has no class for


class TfliteInput(BaseModel):
    """The one input: `[1, height, width, 3]`."""

    name: str
    shape: list[int]
    dtypes: dict[Kind, str]
    values: str = "red, green, blue from 0 to 255; the model itself normalises them"
    resizing: str


class TfliteOutput(BaseModel):
    """An output, float32; `index` is its place among the model's outputs."""

    index: int
    name: str
    shape: list[int]
    meaning: str


class TfliteMetadata(BaseModel):
    """tflite/metadata.json."""

    architecture: str
    files: dict[Kind, str]
    input: TfliteInput
    outputs: list[TfliteOutput]
    labels: list[str]
    calibration_images: int | None


def write_tflite(job: TrainingJob, model: SSD, metadata: ModelMetadata) -> None:
    """Writes tflite/ of the training's output: model_KIND.tflite, labels.txt and metadata.json.

    labels.txt has a class name a line, in the order of `detection_classes`, which count from 0.
    """
    directory, kinds = job.paths.out / "tflite", job.export.tflite
    shutil.rmtree(directory, ignore_errors=True)  # what a killed export left
    export_tflite(model, kinds, directory, lambda: _calibration_images(job, model))
    labels = [metadata.classes.get(id, _UNNAMED) for id in range(1, model.num_classes + 1)]
    write_text("\n".join(labels) + "\n", directory / "labels.txt")
    description = TfliteMetadata(
        architecture=metadata.architecture,
        files={kind: file_name(kind) for kind in kinds},
        input=TfliteInput(
            name=INPUT,
            shape=[1, *model.image_size, 3],
            dtypes={kind: "uint8" if kind == "int8" else "float32" for kind in kinds},
            resizing=_resizing(model),
        ),
        outputs=_outputs(model),
        labels=labels,
        calibration_images=_calibration_count(job) if "int8" in kinds else None,
    )
    write_text(description.model_dump_json(indent=2), directory / "metadata.json")


def _outputs(model: SSD) -> list[TfliteOutput]:
    rows = model.postprocessor.nms.max_total_detections
    described = {
        "detection_boxes": (
            [1, rows, 4],
            "ymin, xmin, ymax, xmax in fractions of the image, not clipped to it",
        ),
        "detection_classes": ([1, rows], "lines of labels.txt, counted from 0: the label map's id less one"),
        "detection_scores": ([1, rows], "from 0 to 1, falling"),
        "num_detections": ([1], "how many rows of the other outputs are detections"),
    }
    return [
        TfliteOutput(index=index, name=name, shape=described[name][0], meaning=described[name][1])
        for index, name in enumerate(OUTPUTS)
    ]


def _resizing(model: SSD) -> str:
    height, width = model.image_size
    method = model.resizer.method.lower().replace("_", " ")
    return (
        f"{method} to {height} x {width} (height x width) without keeping the ratio; corners not aligned and "
        "no half-pixel centres, as tf.compat.v1.image.resize_images does it by default"
    )


def _calibration_count(job: TrainingJob) -> int:
    return min(job.export.calibration_images, job.train_images)


def _calibration_images(job: TrainingJob, model: SSD) -> Iterator[np.ndarray]:
    """Training images without augmentation, drawn by the seed, as the TFLite model takes them."""
    images = make_training_dataset(
        job.paths.train_files,
        model.resizer.resize,
        1,
        seed=job.options.seed,
        augmentations=build_augmentations([]),
        num_examples=job.train_images,
    )
    for image, _ in images.take(_calibration_count(job)):
        yield image.numpy()
