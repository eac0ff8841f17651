"""Writes the XLA program of one training step, and what it computes on this machine's CPU.

    python -m benchmarks.compiled_step.export_step OUT
    python benchmarks/compiled_step/run_step.py OUT    # where there is a GPU and JAX, without TensorFlow

TensorFlow's wheels for GPUs weigh gigabytes. The program that XLA makes of the step weighs a megabyte, and
any XLA runs it: so its results and its speed on a GPU can be had on a machine with no TensorFlow.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.compiled_step.inputs import Shapes, make_inputs
from detection.builder import build_detector
from detection.config.pipeline_config import read_pipeline_config
from detection.detector import Detector

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "../shared/data/configs/upstream/samples/configs"
BATCH = 8
RATE = 1e-3
# name -> the OD API's own config, image size, policy
STEPS = {
    "ssd_mobilenet_v2_300": ("ssd_mobilenet_v2_coco.config", 300, "float32"),
    "ssd_mobilenet_v2_300_bfloat16": ("ssd_mobilenet_v2_coco.config", 300, "mixed_bfloat16"),
    "ssd_resnet50_v1_fpn_320": (
        "ssd_resnet50_v1_fpn_shared_box_predictor_640x640_coco14_sync.config", 320, "float32",
    ),
    "ssd_resnet50_v1_fpn_320_bfloat16": (
        "ssd_resnet50_v1_fpn_shared_box_predictor_640x640_coco14_sync.config", 320, "mixed_bfloat16",
    ),
}  # fmt: skip


def build(config_file: str, size: int) -> Detector:
    """The detector of one of the OD API's sample configs, at another image size."""
    config = read_pipeline_config((CONFIGS / config_file).resolve())
    resizer = config.model.ssd.image_resizer.fixed_shape_resizer
    resizer.height = resizer.width = size
    return build_detector(config.model)


def step_function(detector: Detector) -> Callable[..., Any]:
    """A pure function: trained and other variables, images, boxes, classes, weights -> losses, variables."""

    def step(trained, others, images, boxes, classes, weights):  # type: ignore[no-untyped-def]
        groundtruth = {"boxes": boxes, "classes": classes, "weights": weights}
        variables = [*detector.trainable_variables, *detector.non_trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(trained)
            mapping = list(zip(variables, [*trained, *others], strict=True))
            with keras.StatelessScope(state_mapping=mapping) as scope:
                losses = dict(detector.compute_losses(images, groundtruth, training=True))
                losses["regularization_loss"] = detector.regularization_loss()
            total = tf.add_n(list(losses.values()))
        gradients = tape.gradient(total, trained)
        moved = [value - RATE * gradient for value, gradient in zip(trained, gradients, strict=True)]
        updated = [scope.get_current_value(variable) for variable in detector.non_trainable_variables]
        return [losses[name] for name in sorted(losses)], moved, updated

    return step


def export(name: str, out: Path) -> None:
    """Write NAME.hlo and NAME.json: shapes of the inputs, and the losses of two steps on this machine."""
    config_file, size, policy = STEPS[name]
    keras.mixed_precision.set_global_policy(policy)
    detector = build(config_file, size)
    keras.mixed_precision.set_global_policy("float32")
    shapes = Shapes(
        trained=[(v.path, list(v.shape)) for v in detector.trainable_variables],
        others=[(v.path, list(v.shape)) for v in detector.non_trainable_variables],
        image=[BATCH, size, size, 3],
        classes=detector.num_classes,
    )
    trained, others, *batch = make_inputs(shapes)
    batch[0] = detector.preprocess(tf.constant(batch[0])).numpy().astype(np.float16).astype(np.float32)
    arguments = [
        [tf.constant(v) for v in trained],
        [tf.constant(v) for v in others],
        *map(tf.constant, batch),
    ]
    step = step_function(detector)
    compiled = tf.function(step, jit_compile=True)
    program = compiled.experimental_get_compiler_ir(*arguments)(stage="hlo_serialized")
    plain = tf.function(step)
    losses = []
    for _ in range(2):
        parts, arguments[0], arguments[1] = plain(*arguments)
        losses.append([float(part) for part in parts])
    (out / f"{name}.hlo").write_bytes(program)
    np.save(out / f"{name}.images.npy", batch[0].astype(np.float16))
    (out / f"{name}.json").write_text(json.dumps({"shapes": vars(shapes), "losses": losses}))
    print(f"{name}: {len(program) / 2**20:.1f} MiB, losses {losses}", flush=True)


def main() -> None:
    """Export every step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", choices=STEPS, action="append")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.only or STEPS:
        export(name, arguments.out)


if __name__ == "__main__":
    main()
