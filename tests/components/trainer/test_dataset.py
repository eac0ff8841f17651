"""Batches hold the records' pixels and boxes, in an order that a resumed run joins exactly."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from components.trainer.dataset import (
    MAX_BOXES,
    count_examples,
    make_eval_dataset,
    make_training_dataset,
    pad_groundtruth,
)
from detection.augment import Augmentations, build_augmentations
from detection.config import protos
from detection.errors import BadInput
from detection.preprocess import FixedShapeResizer, normalize

EXAMPLES = 7


def preprocess(images: tf.Tensor) -> tf.Tensor:
    return normalize(FixedShapeResizer(16, 24).resize(images))


def example(number: int) -> bytes:
    """An image of one gray value, `number` boxes of class `number` + 1."""
    image = tf.fill([20 + number, 30, 3], tf.constant(number * 30, tf.uint8))

    def floats(values: list[float]) -> tf.train.Feature:
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    feature = {
        "image/encoded": tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[tf.io.encode_png(image).numpy()])
        ),
        "image/object/bbox/ymin": floats([0.1] * number),
        "image/object/bbox/xmin": floats([0.2] * number),
        "image/object/bbox/ymax": floats([0.3] * number),
        "image/object/bbox/xmax": floats([0.4] * number),
        "image/object/class/label": tf.train.Feature(
            int64_list=tf.train.Int64List(value=[number + 1] * number)
        ),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    shards = [(tmp_path / "a.tfrecord.gz", range(0, 4)), (tmp_path / "b.tfrecord", range(4, EXAMPLES))]
    for path, numbers in shards:
        compression = "GZIP" if path.suffix == ".gz" else ""
        with tf.io.TFRecordWriter(str(path), compression) as writer:
            for number in numbers:
                writer.write(example(number))
    return [path for path, _ in shards]


def training(files: list[Path], start_step: int = 0, seed: int = 1, augment: str = "") -> tf.data.Dataset:
    options = text_format.Parse(augment, protos.TrainConfig()).data_augmentation_options
    return make_training_dataset(
        files,
        preprocess,
        2,
        seed=seed,
        augmentations=build_augmentations(options) if augment else Augmentations(),
        num_examples=EXAMPLES,
        start_step=start_step,
    )


def order(dataset: tf.data.Dataset, steps: int) -> list[int]:
    """The numbers of the examples, read from their gray value."""
    values = np.concatenate([images.numpy()[:, 8, 12, 0] for images, _ in dataset.take(steps)])
    return [round((value + 1.0) * 127.5 / 30) for value in values]


def test_count(files: list[Path], tmp_path: Path) -> None:
    assert count_examples(files) == EXAMPLES
    with pytest.raises(BadInput, match="no example"):
        count_examples([])
    empty = tmp_path / "empty.tfrecord"
    empty.touch()
    with pytest.raises(BadInput, match="no example"):
        count_examples([empty])


def test_eval_is_one_pass_in_order_with_boxes_and_resized_pixels(files: list[Path]) -> None:
    batches = list(make_eval_dataset(files, preprocess, 4, num_examples=EXAMPLES))
    assert [images.shape for images, _ in batches] == [(4, 16, 24, 3), (3, 16, 24, 3)]
    images, groundtruth = batches[1]
    assert float(images[0, 0, 0, 0]) == pytest.approx(4 * 30 / 127.5 - 1.0, abs=1e-5)
    assert groundtruth["boxes"].shape == (3, MAX_BOXES, 4)
    assert groundtruth["classes"].numpy()[0, :6].tolist() == [5, 5, 5, 5, 0, 0]
    assert groundtruth["weights"].numpy().sum(axis=1).tolist() == [4.0, 5.0, 6.0]
    np.testing.assert_allclose(groundtruth["boxes"][0, 3], [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_array_equal(groundtruth["boxes"][0, 4:], 0.0)


def test_every_epoch_has_every_example_once_in_another_order(files: list[Path]) -> None:
    numbers = order(training(files), EXAMPLES)  # 2 epochs of 7 in batches of 2
    epochs = numbers[:EXAMPLES], numbers[EXAMPLES:]
    assert [sorted(epoch) for epoch in epochs] == [list(range(EXAMPLES))] * 2
    assert epochs[0] != epochs[1]


def test_seed_decides_the_order(files: list[Path]) -> None:
    keras.utils.set_random_seed(3)  # the global seed must not matter
    assert order(training(files), 7) == order(training(files), 7)
    assert order(training(files), 7) != order(training(files, seed=2), 7)


@pytest.mark.parametrize("start_step", [1, 3, 4, 9])
def test_resumed_batches_equal_those_of_an_uninterrupted_run(files: list[Path], start_step: int) -> None:
    augment = """data_augmentation_options { ssd_random_crop {} }
                 data_augmentation_options { random_adjust_brightness {} }"""
    whole = list(training(files, augment=augment).skip(start_step).take(3))
    resumed = list(training(files, start_step=start_step, augment=augment).take(3))
    for (images, groundtruth), (images_again, groundtruth_again) in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(images, images_again)
        np.testing.assert_array_equal(groundtruth["boxes"], groundtruth_again["boxes"])


def test_more_boxes_than_rows_are_cut() -> None:
    groundtruth = pad_groundtruth(tf.ones([MAX_BOXES + 5, 4]), tf.ones([MAX_BOXES + 5], tf.int32))
    assert groundtruth["boxes"].shape == (MAX_BOXES, 4)
    assert float(tf.reduce_sum(groundtruth["weights"])) == MAX_BOXES
