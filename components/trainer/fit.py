"""Fine-tunes a converted detector and writes the trained model."""

from __future__ import annotations

import time
from contextlib import closing

import keras
import tensorflow as tf
from google.protobuf.message import Message

from components.trainer.best import gained_nothing
from components.trainer.callbacks import EvaluationLoss, Reporter, Saver
from components.trainer.choose import Choice, choose_settings
from components.trainer.devices import Devices, select_devices
from components.trainer.export import write_outputs
from components.trainer.job import TrainingJob, TrainingPaths, make_job
from components.trainer.non_finite import NonFiniteStop
from components.trainer.options import ExportOptions, TrainOptions
from components.trainer.results import TrainingResult
from components.trainer.schedule import base_rate
from components.trainer.setup import build_trainer
from components.trainer.shortages import shortages_named
from components.trainer.stages import build_stages
from components.trainer.state import TrainingState, exclusive
from components.trainer.trainable import DetectorTrainer
from detection.detector import Detector


def train(
    config: Message, paths: TrainingPaths, options: TrainOptions, export: ExportOptions | None = None
) -> TrainingResult:
    """Fine-tunes the model of `paths.converted`; a call that was killed goes on from its last checkpoint.

    Args:
      config: TrainEvalPipelineConfig, resolved.
      paths: what is read and written.
      options: what overrides the config.
      export: what is written beside the SavedModel.

    Raises:
      BadInput: config, options and data do not make a training, the loss became NaN or infinite, or the
        memory is too small.
      Failed: SIGTERM, the disk is full, or `paths.work` is in use.
    """
    job = make_job(config, paths, options, export or ExportOptions())
    devices = select_devices(options)
    print(f"training on {devices.description}", flush=True)
    places = (paths.work, paths.out, paths.logs)
    with exclusive(paths.work), shortages_named(config, job.batch_size, places):
        return _train(choose_settings(job, devices), devices)


def _train(choice: Choice, devices: Devices) -> TrainingResult:
    job, started = choice.job, time.monotonic()
    keras.utils.set_random_seed(job.options.seed)
    with devices.scope():
        trainer = build_trainer(job, devices)
    state = TrainingState(
        job.paths.work,
        trainer.detector,
        trainer.optimizer,
        job.identity(),
        averages=trainer.averages,
        keep_best=job.options.keep == "best",
    )
    resumed_from = state.restore()
    if resumed_from is not None:
        print(f"resuming at step {resumed_from}/{job.steps}", flush=True)
    images_per_second = _fit(job, trainer, state)
    exported_step = state.load_exported()
    detector = trainer.detector
    result = TrainingResult(
        steps=state.step,
        batch_size=job.batch_size,
        history=state.history,
        seconds=round(time.monotonic() - started, 3),
        images_per_second=round(images_per_second, 3),
        learning_rate=base_rate(job.config.train_config.optimizer, job.options) or 0.0,
        resumed_from=resumed_from,
        exported_step=exported_step,
        exported_weights="averages" if trainer.averages else "values",
        stopped_early=state.step < job.steps,
        train_images=job.train_images,
        eval_images=job.eval_images,
        variables_trained=len(trainer.trained),
        variables_frozen=len(detector.trainable_variables) - len(trainer.trained),
        augmentations=list(job.augmentations.names),
        not_applied=_not_applied(job, detector),
        device=devices.description,
        search=choice.search,
        sweep=choice.sweep,
    )
    write_outputs(job, detector, result)
    return result


def _fit(job: TrainingJob, trainer: DetectorTrainer, state: TrainingState) -> float:
    """Does the steps that are left; returns the images trained a second."""
    options, detector = job.options, trainer.detector
    evaluation = None
    if job.paths.eval_files and options.eval_every_steps:
        evaluation = EvaluationLoss(
            job.validation_batches(detector), options.eval_every_steps, trainer.averages
        )
    patience = options.stop_after_evals_without_gain
    with closing(tf.summary.create_file_writer(str(job.paths.logs))) as writer:
        reporter = Reporter(state, job.steps, job.batch_size, writer, evaluation, patience)
        reporter.replay()
        stop = NonFiniteStop(
            state, lambda step: job.named_batch(detector, step), job.paths.work / "non_finite.json"
        )
        # The saver comes last, so that a checkpoint includes the step's row of the history.
        saver = Saver(state, options.checkpoint_every_steps, job.steps)
        for stage in build_stages(job, trainer):
            # A training that has stopped early and was killed before its export doesn't go on.
            if state.step >= stage.end or gained_nothing(state.history, patience):
                continue
            trainer.train_only(stage.trained)
            with saver:
                trainer.fit(
                    job.training_batches(detector, state.step),
                    steps_per_epoch=stage.end - state.step,
                    shuffle=False,
                    verbose=0,
                    callbacks=[stop, reporter, saver],
                )
    return reporter.images_per_second


def _not_applied(job: TrainingJob, detector: Detector) -> list[str]:
    """Settings of the config that would change a TF1 training and have no counterpart here."""
    settings = [f"data_augmentation_options.{name}" for name in job.augmentations.not_applied]
    if detector.has_masks:
        settings.append("second_stage_box_predictor.predict_instance_masks")
    if job.config.train_config.bias_grad_multiplier:
        settings.append("bias_grad_multiplier")
    return settings
