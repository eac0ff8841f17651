"""Two replicas, on two logical processors of a process of their own, train as one does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tensorflow as tf

from components.trainer.options import TrainOptions

if TYPE_CHECKING:
    from conftest import Training

REPOSITORY = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
from components.trainer import fit
from components.trainer.devices import Devices
from components.trainer.job import TrainingPaths
from components.trainer.options import TrainOptions
from components.trainer.saver import Saver
from detection.config.pipeline_config import read_pipeline_config
root, out = Path(sys.argv[1]), Path(sys.argv[2])
fit.select_devices = lambda options: Devices(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), "two", None)
original = Saver.on_train_batch_end
def stopping(self, batch, logs=None):
    original(self, batch, logs)
    raise KeyboardInterrupt
def run():
    fit.train(
        read_pipeline_config(root / "pipeline.config"),
        TrainingPaths(
            root / "converted", [root / "train.tfrecord.gz"], [root / "eval.tfrecord.gz"],
            root / "label_map.pbtxt", out, out / "work", out / "logs",
        ),
        TrainOptions(steps=2, eval_every_steps=2, checkpoint_every_steps=1),
    )
Saver.on_train_batch_end = stopping
try:
    run()
except KeyboardInterrupt:
    Saver.on_train_batch_end = original
    run()
"""

NATIVE = """
from detection.hyperparams import BatchNormParams
from detection.layers import BatchNorm
with strategy.scope():
    layer = BatchNorm(BatchNormParams(decay=0.5, train=True))
    layer.build((None, 2, 2, 1))
mean = layer.moving_mean
"""
OD_API = """
from detection.shim.slim_graph import _variable_store
from detection.tf1 import compat
compat.install_beside_tf2()
import tf_slim
store = _variable_store()
layer = lambda batch: store.run(lambda: tf_slim.batch_norm(batch, decay=0.5, is_training=True, scope="bn"))
with strategy.scope():
    tf.function(layer, autograph=False).get_concrete_function(tf.TensorSpec([1, 2, 2, 1]))
mean = next(variable for variable in store.variables if "moving_mean" in variable.name)
"""
BATCH_NORM = """
import json
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
{layer}
images = tf.constant([1.0, 3.0, 7.0, 9.0])[:, None, None, None] * tf.ones([4, 2, 2, 1])
shared = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors(images).rebatch(4))
step = tf.function(lambda batch: strategy.run(layer, args=(batch,)), autograph=False)
outputs = strategy.experimental_local_results(step(next(iter(shared))))
print(json.dumps([float(mean.numpy()[0]), *(float(output[0, 0, 0, 0]) for output in outputs)]))
"""


def run(*command: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, *command], cwd=REPOSITORY, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def distances(name: str, *parts: int) -> list[float]:
    """How far from one replica two are, with their images in each number of parts."""
    lines = run("-m", "tests.components.trainer.divided_batches", name, *map(str, parts)).splitlines()
    return [json.loads(line)["distance"] for line in lines]


def test_two_replicas_with_hard_examples_equal_one_their_images_in_parts() -> None:
    (found,) = distances("hard_examples", 2)
    assert found < 1e-5


@pytest.mark.parametrize("layer", [NATIVE, OD_API], ids=["native", "od_api"])
def test_batch_norm_that_trains_sees_its_replicas_images_and_moves_by_the_mean(layer: str) -> None:
    mean, *firsts = json.loads(run("-c", BATCH_NORM.format(layer=layer)))
    assert mean == pytest.approx(0.5 * (2.0 + 8.0) / 2)
    # 1 and 7, each one below the mean of its replica's images
    assert firsts == pytest.approx([-1.0, -1.0], abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hard_examples", "focal", "faster_rcnn", "od_api"])
def test_two_replicas_of_other_models_equal_one(name: str) -> None:
    (found,) = distances(name, 1)
    assert found < 1e-5


@pytest.mark.slow
def test_a_whole_training_on_two_replicas_resumes_and_exports_one_model(
    training: Training, tmp_path: Path
) -> None:
    alone = training.run(tmp_path / "one", TrainOptions(steps=2, eval_every_steps=2))
    assert "resuming at step 1/2" in run("-c", PROGRAM, str(training.root), str(tmp_path / "two"))
    report = json.loads((tmp_path / "two" / "training.json").read_text())
    assert (report["steps"], report["resumed_from"], report["device"]) == (2, 1, "two")
    for row, wanted in zip(report["history"], alone.history, strict=True):
        for name in ("loss", "gradient_norm", *(["eval_loss"] if "eval_loss" in wanted else [])):
            assert row[name] == pytest.approx(wanted[name], rel=1e-5), name
    images = tf.random.stateless_uniform([2, 64, 80, 3], [1, 2], 0, 255, tf.int32)
    one, two = (
        tf.saved_model.load(str(tmp_path / name / "saved_model")).signatures["serving_default"](
            input_tensor=tf.cast(images, tf.uint8)
        )
        for name in ("one", "two")
    )
    tf.debugging.assert_near(one["raw_detection_scores"], two["raw_detection_scores"], atol=1e-5)
