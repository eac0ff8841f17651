"""Fine-tunes a converted detector and writes the trained model."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf
from google.protobuf.message import Message

from components.trainer.averages import build_averages
from components.trainer.best import gained_nothing
from components.trainer.callbacks import EvaluationLoss, Reporter, Saver
from components.trainer.dataset import (
    NamedBatch,
    count_examples,
    make_eval_dataset,
    make_training_dataset,
    read_source_ids,
)
from components.trainer.non_finite import NonFiniteStop
from components.trainer.optimizer import build_optimizer
from components.trainer.options import TrainingResult, TrainOptions
from components.trainer.schedule import base_rate, build_schedule
from components.trainer.shortages import shortages_named
from components.trainer.state import TrainingState, exclusive
from components.trainer.trainable import DetectorTrainer, select_trained
from detection.augment import Augmentations, build_augmentations
from detection.builder import build_detector
from detection.config.pipeline_config import format_pipeline_config, write_pipeline_config
from detection.config.text_files import write_text
from detection.detector import Detector
from detection.errors import BadInput
from detection.export import export_saved_model
from detection.weights import read_weights, write_weights


def train(
    config: Message,
    converted_dir: Path,
    train_files: Sequence[Path],
    eval_files: Sequence[Path],
    out: Path,
    work_dir: Path,
    options: TrainOptions,
    *,
    label_map: Path,
    log_dir: Path,
) -> TrainingResult:
    """Fine-tunes the model of `converted_dir`; a call that was killed goes on from its last checkpoint.

    Args:
      config: TrainEvalPipelineConfig, resolved.
      converted_dir: has checkpoint/ckpt-1, the weights to start from.
      train_files: TFRecords to train on.
      eval_files: TFRecords for the evaluation loss; may be empty.
      out: gets saved_model/, checkpoint/, pipeline.config, label_map.pbtxt and, last, training.json.
      work_dir: checkpoints of the running training; the same for a retry, one process at a time. Gets
        non_finite.json at a loss or gradient that is no number.
      options: what overrides the config.
      label_map: of the resolved config, copied to `out`.
      log_dir: TensorBoard events.

    Raises:
      BadInput: config, options and data do not make a training, the loss became NaN or infinite, or the
        memory is too small.
      Failed: SIGTERM, the disk is full, or `work_dir` is in use.
    """
    train_config = config.train_config
    steps = options.steps or train_config.num_steps
    batch_size = options.batch_size or train_config.batch_size
    if not steps:
        raise BadInput(
            "the number of steps is not set", "train_config.num_steps", "set it, or train.steps in the YAML"
        )
    if options.keep == "best" and not eval_files:
        raise BadInput(
            "there is no validation loss to find the best step by",
            "train.keep",
            "give evaluation data, or set train.keep to last",
        )
    train_images = count_examples(train_files)
    eval_images = count_examples(eval_files) if eval_files else 0
    augmentations = build_augmentations(train_config.data_augmentation_options if options.augment else [])
    keras.utils.set_random_seed(options.seed)
    with exclusive(work_dir), shortages_named(config, batch_size, (work_dir, out, log_dir)):
        trainer = _build_trainer(config, converted_dir, options, steps)
        detector = trainer.detector
        if batch_size > 1 and not detector.has_one_input_size:
            raise BadInput(
                f"images that keep their aspect ratio make no batch of {batch_size}",
                "train.batch_size or train_config.batch_size",
                "set it to 1, as TF1 trained such models, or use fixed_shape_resizer",
            )
        identity = _identity(config, options, converted_dir, train_files)
        state = TrainingState(
            work_dir,
            detector,
            trainer.optimizer,
            identity,
            averages=trainer.averages,
            keep_best=options.keep == "best",
        )
        resumed_from = state.restore()
        if resumed_from is not None:
            print(f"resuming at step {resumed_from}/{steps}", flush=True)
        started = time.monotonic()
        evaluation = None
        if eval_files and options.eval_every_steps:
            eval_dataset = make_eval_dataset(
                eval_files, detector.preprocess, batch_size, num_examples=eval_images
            )
            evaluation = EvaluationLoss(eval_dataset, options.eval_every_steps, trainer.averages)
        patience = options.stop_after_evals_without_gain
        with closing(tf.summary.create_file_writer(str(log_dir))) as writer:
            reporter = Reporter(state, steps, batch_size, writer, evaluation, patience)
            reporter.replay()
            # A training that has stopped early and was killed before its export doesn't go on.
            if state.step < steps and not gained_nothing(state.history, patience):
                batches = partial(
                    make_training_dataset,
                    train_files,
                    detector.preprocess,
                    batch_size,
                    seed=options.seed,
                    augmentations=augmentations,
                    num_examples=train_images,
                )

                def named_batch(step: int) -> NamedBatch:
                    names = read_source_ids(
                        train_files, batch_size, seed=options.seed, num_examples=train_images, step=step
                    )
                    images, groundtruth = next(iter(batches(start_step=step)))
                    return NamedBatch(images, groundtruth, names)

                stop = NonFiniteStop(state, named_batch, work_dir / "non_finite.json")
                # The saver comes last, so that a checkpoint includes the step's row of the history.
                saver = Saver(state, options.checkpoint_every_steps, steps)
                with saver:
                    trainer.fit(
                        batches(start_step=state.step),
                        steps_per_epoch=steps - state.step,
                        shuffle=False,
                        verbose=0,
                        callbacks=[stop, reporter, saver],
                    )
        exported_step = state.load_exported()
        result = TrainingResult(
            steps=state.step,
            batch_size=batch_size,
            history=state.history,
            seconds=round(time.monotonic() - started, 3),
            images_per_second=round(reporter.images_per_second, 3),
            learning_rate=base_rate(train_config.optimizer, options) or 0.0,
            resumed_from=resumed_from,
            exported_step=exported_step,
            exported_weights="averages" if trainer.averages else "values",
            stopped_early=state.step < steps,
            train_images=train_images,
            eval_images=eval_images,
            variables_trained=len(trainer.trained),
            variables_frozen=len(detector.trainable_variables) - len(trainer.trained),
            augmentations=list(augmentations.names),
            not_applied=_not_applied(config, augmentations, detector),
        )
        _write_outputs(detector, config, label_map, result, out)
    return result


def _build_trainer(
    config: Message, converted_dir: Path, options: TrainOptions, steps: int
) -> DetectorTrainer:
    """The converted detector with its optimizer, at step 0."""
    train_config = config.train_config
    detector = build_detector(config.model)
    if options.jit_compile and not detector.supports_jit:
        raise BadInput(
            "the training step of this model can't be compiled with XLA",
            "train.jit_compile",
            "leave it out: it is for SSD models",
        )
    detector.freeze_batch_norm = not options.train_batch_norm
    read_weights(detector, converted_dir / "checkpoint" / "ckpt-1")
    trained = select_trained(
        detector,
        [*train_config.freeze_variables, *options.freeze],
        list(train_config.update_trainable_variables),
    )
    schedule = build_schedule(train_config.optimizer, options, steps)
    optimizer = build_optimizer(train_config.optimizer, options, schedule)
    optimizer.build(trained)
    trainer = DetectorTrainer(
        detector,
        trained,
        clip_norm=train_config.gradient_clipping_by_norm,
        regularize=train_config.add_regularization_loss,
        averages=build_averages(config, trained),
    )
    trainer.compile(optimizer=optimizer, jit_compile=options.jit_compile)
    return trainer


def _identity(
    config: Message, options: TrainOptions, converted_dir: Path, train_files: Sequence[Path]
) -> str:
    """Digest of what decides the result; checkpoints of another training must not be resumed."""
    digest = hashlib.sha256()
    facts = {
        "config": format_pipeline_config(config),
        "options": options.model_dump(mode="json"),
        "train_files": [[file.name, file.stat().st_size] for file in sorted(train_files)],
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for file in sorted((converted_dir / "checkpoint").glob("ckpt-1.data-*")):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _not_applied(config: Message, augmentations: Augmentations, detector: Detector) -> list[str]:
    """Settings of the config that would change a TF1 training and have no counterpart here."""
    settings = [f"data_augmentation_options.{name}" for name in augmentations.not_applied]
    if detector.has_masks:
        settings.append("second_stage_box_predictor.predict_instance_masks")
    if config.train_config.bias_grad_multiplier:
        settings.append("bias_grad_multiplier")
    return settings


def _write_outputs(
    detector: Detector, config: Message, label_map: Path, result: TrainingResult, out: Path
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    write_weights(detector, out / "checkpoint" / "ckpt-1")
    # A retry may find half of an export; SavedModels are not written over.
    shutil.rmtree(out / "saved_model", ignore_errors=True)
    export_saved_model(detector, out / "saved_model")
    write_pipeline_config(config, out / "pipeline.config")
    shutil.copyfile(label_map, out / "label_map.pbtxt")
    write_text(result.model_dump_json(indent=2), out / "training.json")
