"""The converted detector, ready to be trained: what trains, with which optimizer and rate, at step 0."""

from __future__ import annotations

from components.trainer.averages import build_averages
from components.trainer.batch_norm import trains_batch_norm
from components.trainer.devices import Devices
from components.trainer.distillation import build_distillation
from components.trainer.division import check_division
from components.trainer.job import TrainingJob
from components.trainer.loss_scale import LossScale
from components.trainer.optimizer import build_optimizer
from components.trainer.precision import choose_policy, computing_in
from components.trainer.rates import variable_rates, what_was_restored
from components.trainer.schedule import build_schedule
from components.trainer.shared_trainer import SharedTrainer
from components.trainer.trainable import DetectorTrainer, select_trained
from detection.builder import build_detector
from detection.errors import BadInput
from detection.export_tflite import require_convertible
from detection.weights import read_weights


def build_trainer(job: TrainingJob, devices: Devices) -> DetectorTrainer:
    """The converted detector with its optimizer, at step 0.

    Call it within `devices.scope()`.

    Raises:
      BadInput: config and options do not make a training of this model.
    """
    options, train_config = job.options, job.config.train_config
    with computing_in(choose_policy(options.precision, devices.capabilities, job.config.model)):
        detector = build_detector(job.config.model)
    if options.precision == "mixed" and detector.no_native_model:
        raise BadInput(
            "a model that runs the Object Detection API's own code computes in float32",
            "train.precision",
            "leave it out",
        )
    if job.export.tflite:
        require_convertible(detector, job.config.model)  # now, not after the last step
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
    detector.freeze_batch_norm = not trains_batch_norm(job, devices.replicas)
    check_division(job, devices, detector)
    read_weights(detector, job.paths.converted / "checkpoint" / "ckpt-1")
    trained = select_trained(
        detector,
        [*train_config.freeze_variables, *options.freeze],
        list(train_config.update_trainable_variables),
    )
    schedule = build_schedule(train_config.optimizer, options, job.steps)
    known = what_was_restored(job.conversion, job.train_objects)
    rates = variable_rates(detector, trained, options, known)
    optimizer = build_optimizer(train_config.optimizer, options, schedule, rates)
    optimizer.build(trained)
    float16 = detector.dtype_policy.compute_dtype == "float16"
    trainer = (SharedTrainer if devices.workers else DetectorTrainer)(
        detector,
        trained,
        clip_norm=train_config.gradient_clipping_by_norm,
        regularize=train_config.add_regularization_loss,
        averages=build_averages(job.config, trained),
        distillation=build_distillation(job, detector),
        parts=options.accumulate,
        loss_scale=LossScale(optimizer) if float16 else None,
        bias_multiplier=train_config.bias_grad_multiplier or 1.0,
    )
    trainer.compile(optimizer=optimizer, jit_compile=devices.compiles(detector, job.steps))
    return trainer
