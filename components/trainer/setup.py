"""The converted detector, ready to be trained: what trains, with which optimizer and rate, at step 0."""

from __future__ import annotations

from components.trainer.averages import build_averages
from components.trainer.devices import Devices
from components.trainer.job import TrainingJob
from components.trainer.optimizer import build_optimizer
from components.trainer.schedule import build_schedule
from components.trainer.trainable import DetectorTrainer, select_trained
from detection.builder import build_detector
from detection.errors import BadInput
from detection.weights import read_weights


def build_trainer(job: TrainingJob, devices: Devices) -> DetectorTrainer:
    """The converted detector with its optimizer, at step 0.

    Call it within `devices.scope()`.

    Raises:
      BadInput: config and options do not make a training of this model.
    """
    options, train_config = job.options, job.config.train_config
    detector = build_detector(job.config.model)
    if options.jit_compile and not detector.supports_jit:
        raise BadInput(
            "the training step of this model can't be compiled with XLA",
            "train.jit_compile",
            "leave it out: it is for SSD models",
        )
    if job.batch_size > 1 and not detector.has_one_input_size:
        raise BadInput(
            f"images that keep their aspect ratio make no batch of {job.batch_size}",
            "train.batch_size or train_config.batch_size",
            "set it to 1, as TF1 trained such models, or use fixed_shape_resizer",
        )
    detector.freeze_batch_norm = not options.train_batch_norm
    read_weights(detector, job.paths.converted / "checkpoint" / "ckpt-1")
    trained = select_trained(
        detector,
        [*train_config.freeze_variables, *options.freeze],
        list(train_config.update_trainable_variables),
    )
    schedule = build_schedule(train_config.optimizer, options, job.steps)
    optimizer = build_optimizer(train_config.optimizer, options, schedule)
    optimizer.build(trained)
    trainer = DetectorTrainer(
        detector,
        trained,
        clip_norm=train_config.gradient_clipping_by_norm,
        regularize=train_config.add_regularization_loss,
        averages=build_averages(job.config, trained),
    )
    trainer.compile(optimizer=optimizer, jit_compile=devices.compiles(detector))
    return trainer
