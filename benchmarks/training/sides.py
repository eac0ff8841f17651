"""The sides of the step benchmark, each in a process of its own; `step.py` starts them.

    python -m benchmarks.training.sides SIDE FOLDER

Builds the detector of FOLDER/pipeline.config and does one step on a fixed batch, then as many as each line of
stdin asks for. Every answer is a line of JSON; while a side waits for the next line it computes nothing, so
that the sides can take turns.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compiled_step.inputs import Shapes, make_inputs
from detection.config.pipeline_config import read_pipeline_config

ROWS = 100  # of groundtruth, zero in the padding, as both training inputs give it

Seconds = tuple[float, float]  # by the clock, and of the processor: all threads of this process
Side = Callable[[int], list[Seconds]]  # does so many steps, gives the seconds of each


def make_batch(config: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Images float32 [B, H, W, 3] of 0 to 255, and padded groundtruth, the same for every side."""
    ssd = config.model.ssd
    resizer = ssd.image_resizer.fixed_shape_resizer
    shapes = Shapes(
        [], [], [config.train_config.batch_size, resizer.height, resizer.width, 3], ssd.num_classes
    )
    _, _, images, *real = make_inputs(shapes)
    padded = [
        np.pad(values, [(0, 0), (0, ROWS - values.shape[1])] + [(0, 0)] * (values.ndim - 2))
        for values in real
    ]
    return images, dict(zip(("boxes", "classes", "weights"), padded, strict=True))


def timed(step: Callable[[], Any]) -> Side:
    """A side of single steps whose results are awaited."""

    def steps(count: int) -> list[Seconds]:
        seconds = []
        for _ in range(count):
            started = _now()
            step()
            seconds.append(_since(started))
        return seconds

    return steps


def upcycle(config: Any) -> Side:
    """The Trainer's step, as `fit` runs it; every loss is read, as the Trainer's reports do."""
    import keras
    import tensorflow as tf

    trainer, images, groundtruth = _trainer(config)
    dataset = tf.data.Dataset.from_tensors((images, groundtruth)).repeat()

    class Clock(keras.callbacks.Callback):
        seconds: list[Seconds]

        def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
            self.seconds, self.started = [], _now()

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            assert all(np.isfinite(float(value)) for value in (logs or {}).values()), logs
            self.seconds.append(_since(self.started))
            self.started = _now()

    clock = Clock()

    def steps(count: int) -> list[Seconds]:
        trainer.fit(dataset, steps_per_epoch=count, shuffle=False, verbose=0, callbacks=[clock])
        return clock.seconds

    return steps


def bare(config: Any) -> Side:
    """The limit: the network forward and backward, and nothing else."""
    import tensorflow as tf

    trainer, images, _ = _trainer(config)
    values = [variable.value for variable in trainer.trained]

    @tf.function
    def forward_and_backward(images: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            outputs = trainer.detector(images, training=True)
            total = tf.add_n([tf.reduce_sum(output) for output in outputs.values()])
        # each gradient is used, or TensorFlow would leave it out
        return tf.add_n([tf.reduce_sum(gradient) for gradient in tape.gradient(total, values)])

    return timed(lambda: forward_and_backward(images).numpy())


def od_api(config: Any) -> Side:
    """The Object Detection API's step: model_lib_v2.eager_train_step under tf.function."""
    from benchmarks.training.od_api_step import build_step

    return timed(build_step(config, *make_batch(config)))


SIDES = {"upcycle": upcycle, "bare": bare, "od_api": od_api}


def _trainer(config: Any) -> tuple[Any, Any, dict[str, Any]]:
    """The trainer of a config with random weights, everything trained as the config says; and a batch."""
    import keras
    import tensorflow as tf

    from components.trainer.optimizer import build_optimizer
    from components.trainer.options import TrainOptions
    from components.trainer.schedule import build_schedule
    from components.trainer.trainable import DetectorTrainer
    from detection.builder import build_detector

    keras.utils.set_random_seed(1)
    train_config, options = config.train_config, TrainOptions()
    detector = build_detector(config.model)
    trained = detector.trainable_variables
    optimizer = build_optimizer(
        train_config.optimizer,
        options,
        build_schedule(train_config.optimizer, options, train_config.num_steps),
    )
    optimizer.build(trained)
    trainer = DetectorTrainer(detector, trained)
    trainer.compile(optimizer=optimizer)
    images, groundtruth = make_batch(config)
    return (
        trainer,
        detector.preprocess(tf.constant(images)),
        {name: tf.constant(value) for name, value in groundtruth.items()},
    )


def main() -> None:
    """Answer each line of stdin, after one answer about the start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    import tensorflow  # noqa: F401  # its import is no part of what is measured

    config = read_pipeline_config(arguments.folder / "pipeline.config")
    started = _now()
    steps = SIDES[arguments.side](config)
    _answer(build=_since(started), first=steps(1)[0])
    for line in sys.stdin:
        _answer(steps=steps(int(line)), peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


def _now() -> Seconds:
    return time.perf_counter(), time.process_time()


def _since(started: Seconds) -> Seconds:
    clock, processor = _now()
    return clock - started[0], processor - started[1]


def _answer(**values: Any) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main()
