"""One training as it was asked for: inputs, settings, and the data as batches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import Message

from components.checkpoint_converter.report import ConversionReport
from components.trainer.conversion import read_conversion
from components.trainer.dataset import (
    MAX_BOXES,
    NamedBatch,
    make_eval_dataset,
    make_training_dataset,
    read_source_ids,
)
from components.trainer.options import ExportOptions, TrainOptions
from components.trainer.record_checks import Records, examine_records, note_context, wanted_records
from components.trainer.share import WHOLE, Share
from detection.augment import Augmentations, build_augmentations
from detection.config.pipeline_config import format_pipeline_config
from detection.detector import Detector
from detection.errors import BadInput

# Options that a training can go on with changed: how it is computed, and how often it is saved.
_NOT_THE_RESULT = {
    "accumulate",
    "halve_batch",
    "device",
    "gpus",
    "checkpoint_every_steps",
    "checkpoint_every_minutes",
    "checkpoints_kept",
}


@dataclass(frozen=True)
class TrainingPaths:
    """What a training reads and writes.

    Attributes:
      converted: has checkpoint/ckpt-1, the weights to start from, saved_model/ and report.json.
      train_files: TFRecords to train on.
      eval_files: TFRecords to validate with; may be empty.
      label_map: of the resolved config.
      out: gets what is exported.
      work: checkpoints of the running training; the same for a retry, one process at a time. Gets
        non_finite.json at a loss or gradient that is no number.
      logs: TensorBoard events.
    """

    converted: Path
    train_files: Sequence[Path]
    eval_files: Sequence[Path]
    label_map: Path
    out: Path
    work: Path
    logs: Path


@dataclass(frozen=True)
class TrainingJob:
    """A training that can begin: settings resolved, data counted.

    Attributes:
      config: TrainEvalPipelineConfig, resolved.
      paths: what it reads and writes.
      options: the YAML's `train:` section.
      export: the YAML's `export:` section.
      steps, batch_size: from `options`, else from the config.
      train_images, eval_images: records in the files.
      train_objects, eval_objects: number of objects in them by class id.
      train_masks, eval_masks: whether the model learns masks and the records have them.
      augmentations: of the config, unless `options` turn them off.
      triggered: names of the options that the run's trigger set.
      share: what of each training batch this machine reads, where several share a training.
      conversion: the report of the conversion, if the model comes from one.
    """

    config: Message
    paths: TrainingPaths
    options: TrainOptions
    export: ExportOptions
    steps: int
    batch_size: int
    train_images: int
    eval_images: int
    train_objects: Mapping[int, int]
    eval_objects: Mapping[int, int]
    train_masks: bool
    eval_masks: bool
    augmentations: Augmentations
    triggered: frozenset[str] = frozenset()
    share: Share = WHOLE
    conversion: ConversionReport | None = None

    def training_batches(self, detector: Detector, start_step: int = 0) -> tf.data.Dataset:
        """The batches, or this machine's share of them, that follow `start_step` steps, without end.

        See make_training_dataset.
        """
        return make_training_dataset(
            self.paths.train_files,
            detector.preprocess,
            self.batch_size,
            seed=self.options.seed,
            augmentations=self.augmentations,
            num_examples=self.train_images,
            start_step=start_step,
            masks=self.train_masks,
            context=detector.context_shape,
            share=self.share,
        )

    def validation_batches(self, detector: Detector) -> tf.data.Dataset:
        """The split eval in file order, its first `eval_images` where set; see make_eval_dataset."""
        wanted = min(self.options.eval_images or self.eval_images, self.eval_images)
        return make_eval_dataset(
            self.paths.eval_files,
            detector.preprocess,
            self.batch_size,
            num_examples=wanted,
            masks=self.eval_masks,
            context=detector.context_shape,
        )

    def named_batch(self, detector: Detector, step: int) -> NamedBatch:
        """The whole batch that follows `step` steps, with its images' names."""
        names = read_source_ids(
            self.paths.train_files,
            self.batch_size,
            seed=self.options.seed,
            num_examples=self.train_images,
            step=step,
            context=detector.context_shape,
        )
        images, groundtruth = next(iter(replace(self, share=WHOLE).training_batches(detector, step)))
        return NamedBatch(images, groundtruth, names)

    def with_options(self, options: TrainOptions) -> TrainingJob:
        """The same training with other settings."""
        return replace(
            self,
            options=options,
            steps=options.steps or self.config.train_config.num_steps,
            batch_size=options.batch_size or self.config.train_config.batch_size,
        )

    def identity(self) -> str:
        """Digest of what decides the result; checkpoints of another training must not be resumed."""
        digest = hashlib.sha256()
        facts = {
            "config": format_pipeline_config(self.config),
            "options": self.options.model_dump(mode="json", exclude=_NOT_THE_RESULT),
            "batch_norm_held": self.options.train_batch_norm is None and self.options.in_parts,
            "train_files": [[file.name, file.stat().st_size] for file in sorted(self.paths.train_files)],
        }
        digest.update(json.dumps(facts, sort_keys=True).encode())
        for file in sorted((self.paths.converted / "checkpoint").glob("ckpt-1.data-*")):
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()


def make_job(
    config: Message,
    paths: TrainingPaths,
    options: TrainOptions,
    export: ExportOptions,
    triggered: Collection[str] = (),
    share: Share = WHOLE,
) -> TrainingJob:
    """The training that config, options and data make.

    Raises:
      BadInput: they do not make one.
    """
    train_config = config.train_config
    steps = options.steps or train_config.num_steps
    if not steps:
        raise BadInput(
            "the number of steps is not set", "train_config.num_steps", "set it, or train.steps in the YAML"
        )
    late = max((entry.step for entry in options.unfreeze), default=0)
    if late >= steps:
        raise BadInput(
            f"blocks would start to train after {late} steps, and there are {steps}",
            "train.unfreeze",
            f"give a step below {steps}",
        )
    if options.keep == "best" and not paths.eval_files:
        raise BadInput(
            "there is no validation to find the best step by",
            "train.keep",
            "give evaluation data, or set train.keep to last",
        )
    augmentations = train_config.data_augmentation_options if options.augment else []
    wanted = wanted_records(config.model, augmentations)
    train = examine_records(paths.train_files, wanted)
    evaluation = examine_records(paths.eval_files, wanted) if paths.eval_files else Records()
    if not train.objects:
        raise BadInput(
            "there is no object in the training data",
            ", ".join(map(str, paths.train_files)),
            "check the data section of the detector's YAML and the quarantine report",
        )
    if train.crowded:
        print(
            f"{len(train.crowded)} images have more than {MAX_BOXES} objects, such as {train.crowded[0]}: "
            f"training takes the first {MAX_BOXES} of each",
            flush=True,
        )
    if wanted.context:
        note_context(train, evaluation, wanted.context, paths.train_files)
    return TrainingJob(
        config=config,
        paths=paths,
        options=options,
        export=export,
        steps=steps,
        batch_size=options.batch_size or train_config.batch_size,
        train_images=train.images,
        eval_images=evaluation.images,
        train_objects=train.by_class,
        eval_objects=evaluation.by_class,
        train_masks=train.masks,
        eval_masks=evaluation.masks,
        augmentations=build_augmentations(augmentations),
        triggered=frozenset(triggered),
        share=share,
        conversion=read_conversion(paths.converted),
    )
