"""Fine-tunes a converted detector and writes the trained model."""

from __future__ import annotations

import time
from collections.abc import Collection

import keras
from google.protobuf.message import Message

from components.trainer.board import PICTURES, Board
from components.trainer.choose import Choice, choose_settings
from components.trainer.determinism import deterministic_if_asked
from components.trainer.devices import Devices, select_devices
from components.trainer.end_request import EndRequest
from components.trainer.export import write_other_step, write_outputs
from components.trainer.files import remove_half_written
from components.trainer.follow import invite
from components.trainer.halving import halving_batches
from components.trainer.hyper_parameters import collect_hyper_parameters, write_hyper_parameters
from components.trainer.job import TrainingJob, TrainingPaths, make_job
from components.trainer.metadata import Weights
from components.trainer.non_finite import NonFiniteStop
from components.trainer.options import ExportOptions, TrainOptions
from components.trainer.progress import Pace, ProgressLines
from components.trainer.reporter import Reporter
from components.trainer.results import TrainingResult
from components.trainer.saver import Saver
from components.trainer.schedule import base_rate
from components.trainer.setup import build_trainer
from components.trainer.shared_trainer import Agreement, variables_of
from components.trainer.shortages import shortages_named
from components.trainer.stages import build_stages
from components.trainer.state import TrainingState, exclusive
from components.trainer.trainable import DetectorTrainer
from components.trainer.unseen import note_unseen_classes
from components.trainer.validation import Validation
from components.trainer.workers import ending_together
from detection.builder import build_detector
from detection.config.label_map import read_label_map
from detection.detector import Detector


def train(
    config: Message,
    paths: TrainingPaths,
    options: TrainOptions,
    export: ExportOptions | None = None,
    triggered: Collection[str] = (),
) -> TrainingResult:
    """Fine-tunes the model of `paths.converted`; a call that was killed goes on from its last checkpoint.

    Args:
      config: TrainEvalPipelineConfig, resolved.
      paths: what is read and written.
      options: what overrides the config.
      export: what is written beside the SavedModel.
      triggered: names of the options that the run's trigger set.

    Raises:
      BadInput: config, options and data do not make a training, the loss became NaN or infinite, or the
        memory is too small.
      Failed: SIGTERM, the disk is full, `paths.work` is in use, or a machine of the training is gone.
    """
    devices = select_devices(options)  # first: reading data settles which devices TensorFlow has
    with deterministic_if_asked(options), ending_together(devices.workers):
        job = make_job(config, paths, options, export or ExportOptions(), triggered, devices.share)
        print(f"training on {devices.description}", flush=True)
        note_unseen_classes(job)
        places = (paths.work, paths.out, paths.logs)
        with exclusive(paths.work), shortages_named(config, job.batch_size, places):
            if devices.workers:
                invite(devices.workers, job)
            end = EndRequest()  # one for all tries, so that none forgets that an earlier one was asked
            done = halving_batches(
                job, devices, lambda job: _train(choose_settings(job, devices), devices, end)
            )
            if devices.workers:
                devices.workers.part()
            return done


def _train(choice: Choice, devices: Devices, end: EndRequest) -> TrainingResult:
    job, started = choice.job, time.monotonic()
    keras.utils.set_random_seed(job.options.seed)
    with devices.scope():
        trainer = build_trainer(job, devices)
    hyper_parameters = collect_hyper_parameters(choice, trainer)
    state = TrainingState(
        job.paths.work,
        trainer.detector,
        trainer.optimizer,
        job.identity(),
        averages=trainer.averages,
        keep=job.options.keep,
        best_by=job.options.best_by,
        checkpoints_kept=job.options.checkpoints_kept,
    )
    resumed_from = state.restore()
    if resumed_from is not None:
        print(f"resuming at step {resumed_from}/{job.steps}", flush=True)
    if devices.workers:
        devices.workers.begin_alike(variables_of(trainer))
    images_per_second = _fit(job, trainer, state, devices, end)
    remove_half_written(job.paths.out)  # by an export that was killed
    weights: Weights = "averages" if trainer.averages else "values"
    write_other_step(job, state, weights, lambda: _as_exported(job, trainer.detector, devices))
    exported_step = state.load_exported()
    detector = _as_exported(job, trainer.detector, devices)
    result = TrainingResult(
        steps=state.step,
        batch_size=job.batch_size,
        history=state.finite_history,
        seconds=round(time.monotonic() - started, 3),
        images_per_second=round(images_per_second, 3),
        learning_rate=base_rate(job.config.train_config.optimizer, job.options) or 0.0,
        resumed_from=resumed_from,
        exported_step=exported_step,
        exported_weights=weights,
        stopped_early=state.step < job.steps,
        train_images=job.train_images,
        eval_images=job.eval_images,
        variables_trained=len(trainer.trained),
        variables_frozen=len(detector.trainable_variables) - len(trainer.trained),
        augmentations=list(job.augmentations.names),
        not_applied=_not_applied(job, detector),
        device=devices.description + _precision(trainer.detector),
        search=choice.search,
        sweep=choice.sweep,
    )
    write_hyper_parameters(hyper_parameters, job.paths.out)
    write_outputs(job, detector, result, hyper_parameters)
    return result


def _precision(detector: Detector) -> str:
    policy = detector.dtype_policy.name
    return "" if policy == "float32" else f", {policy}"


def _as_exported(job: TrainingJob, trained: Detector, devices: Devices) -> Detector:
    """The trained detector in float32 and on one device, as models are exported whatever trained them."""
    if devices.replicas == 1 and trained.dtype_policy.compute_dtype == "float32":
        return trained
    detector = build_detector(job.config.model)
    for variable, value in zip(detector.weights, trained.weights, strict=True):
        variable.assign(value.numpy())
    return detector


def _fit(
    job: TrainingJob, trainer: DetectorTrainer, state: TrainingState, devices: Devices, end: EndRequest
) -> float:
    """Does the steps that are left; returns the images trained a second."""
    options, detector = job.options, trainer.detector
    label_map = read_label_map(job.paths.label_map)
    validation = None
    if job.paths.eval_files and options.eval_every_steps:
        validation = Validation(trainer, job.validation_batches(detector), label_map, shown=PICTURES)
    pace = Pace(job.batch_size, job.steps, options.eval_every_steps if validation else None)
    with (
        end,
        Board(job.paths.logs, detector, label_map) as board,
        ProgressLines(pace, job.batch_size, job.steps, state.step) as lines,
    ):
        reporter = Reporter(state, job.steps, options, board, pace, lines, end, validation)
        saver = Saver(state, job.steps, end, options.checkpoint_every_steps, options.checkpoint_every_minutes)
        stop = NonFiniteStop(
            state, lambda step: job.named_batch(detector, step), job.paths.work / "non_finite.json"
        )
        agreement = [Agreement(devices.workers, end)] if devices.workers else []
        reporter.catch_up()
        if devices.workers:
            end.asked, _ = devices.workers.agree(end.asked, reporter.gained_nothing())
        if state.history:
            saver.stop_if_asked()
        for stage in build_stages(job, trainer):
            # A training that has stopped early and was killed before its export doesn't go on.
            if state.step >= stage.end or reporter.gained_nothing():
                continue
            trainer.train_only(stage.trained)
            batches = job.training_batches(detector, state.step)
            board.show_training(state.step, next(iter(batches)))
            trainer.fit(
                batches,
                steps_per_epoch=stage.end - state.step,
                shuffle=False,
                verbose=0,
                callbacks=[stop, reporter, *agreement, saver],
            )
    return pace.images_per_second


def _not_applied(job: TrainingJob, detector: Detector) -> list[str]:
    """Settings of the config that would change a TF1 training and have no counterpart here."""
    settings = [f"data_augmentation_options.{name}" for name in job.augmentations.not_applied]
    if detector.has_masks and not job.train_masks:
        settings.append("second_stage_box_predictor.predict_instance_masks")
    return settings
