"""Batches hold the records' pixels and boxes, in an order that a resumed run joins exactly."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from components.trainer import records
from components.trainer.dataset import (
    MAX_BOXES,
    make_eval_dataset,
    make_training_dataset,
    pad_groundtruth,
    read_source_ids,
)
from components.trainer.records import read_example, shuffle_block
from detection.augment import Augmentations, build_augmentations
from detection.augment_example import Example
from detection.config import protos
from detection.context import ContextShape
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


@pytest.fixture
def masked_file(tmp_path: Path) -> Path:
    """Three dark images of 20x40 pixels with 0, 1 and 2 squares of 10x10, each with its mask."""
    path = tmp_path / "masks.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for count in range(3):
            image = np.full((20, 40, 3), 20, np.uint8)
            masks = np.zeros((count, 20, 40, 1), np.uint8)
            written = tf.train.Example()
            feature = written.features.feature
            for number, mask in enumerate(masks):
                left = 5 + 20 * number
                image[5:15, left : left + 10] = 200 + 50 * number
                mask[5:15, left : left + 10] = 255 if number else 1
                box = {"ymin": 5 / 20, "xmin": left / 40, "ymax": 15 / 20, "xmax": (left + 10) / 40}
                for side, value in box.items():
                    feature[f"image/object/bbox/{side}"].float_list.value.append(value)
                feature["image/object/class/label"].int64_list.value.append(number + 1)
                feature["image/object/mask"].bytes_list.value.append(tf.io.encode_png(mask).numpy())
            feature["image/encoded"].bytes_list.value.append(tf.io.encode_png(image).numpy())
            writer.write(written.SerializeToString())
    return path


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


def test_more_objects_than_rows_are_cut() -> None:
    many = MAX_BOXES + 5
    groundtruth = pad_groundtruth(
        Example(tf.zeros([4, 4, 3]), tf.ones([many, 4]), tf.ones([many], tf.int32), tf.ones([many, 4, 4])),
        tf.constant([8, 6]),
    )
    assert groundtruth["boxes"].shape == (MAX_BOXES, 4)
    assert groundtruth["masks"].shape == (MAX_BOXES, 8, 6)
    assert float(tf.reduce_sum(groundtruth["weights"])) == MAX_BOXES


def test_masks_have_the_size_of_the_networks_input(masked_file: Path) -> None:
    batch = make_eval_dataset([masked_file], preprocess, 3, num_examples=3, masks=True)
    ((images, groundtruth),) = batch
    masks = groundtruth["masks"].numpy()
    assert images.shape == (3, 16, 24, 3) and masks.shape == (3, 2, 16, 24)  # as many as the most of an image
    assert masks[0].sum() == 0 and masks[1, 1].sum() == 0
    for image, rows in zip(images.numpy(), masks, strict=True):
        for number, mask in enumerate(rows):
            if mask.any():  # the object's pixels are 200 + 50 * its number
                np.testing.assert_allclose(image[mask > 0], (200 + 50 * number) / 127.5 - 1.0, atol=1e-5)
                assert mask.sum() == 8 * 6  # 10x10 pixels of 20x40, at 16x24
    assert set(np.unique(masks)) == {0.0, 1.0}


def test_masks_are_augmented_with_the_image_and_resumed(masked_file: Path) -> None:
    options = text_format.Parse(
        "data_augmentation_options { random_horizontal_flip {} } "
        "data_augmentation_options { random_crop_image { min_object_covered: 1 overlap_thresh: 1 } }",
        protos.TrainConfig(),
    ).data_augmentation_options

    def batches(start_step: int) -> tf.data.Dataset:
        return make_training_dataset(
            [masked_file],
            preprocess,
            2,
            seed=1,
            augmentations=build_augmentations(options),
            num_examples=3,
            start_step=start_step,
            masks=True,
        )

    assert batches(0).element_spec[1]["masks"].shape.as_list() == [2, None, 16, 24]
    whole = list(batches(0).take(6))
    for images, groundtruth in whole:
        masks = groundtruth["masks"].numpy()
        assert masks.shape[1] == groundtruth["weights"].numpy().sum(axis=1).max()
        for image, rows in zip(images.numpy(), masks, strict=True):
            for mask in rows:
                assert not mask.any() or np.median(image[mask > 0]) > 0.4
    for (images, groundtruth), (images_again, again) in zip(whole[3:], batches(3).take(3), strict=True):
        np.testing.assert_array_equal(images, images_again)
        np.testing.assert_array_equal(groundtruth["masks"], again["masks"])


def test_masks_are_not_read_unless_asked_for(masked_file: Path) -> None:
    batch = make_eval_dataset([masked_file], preprocess, 3, num_examples=3)
    assert batch.element_spec[1].keys() == {"boxes", "classes", "weights"}
    record = next(iter(tf.data.TFRecordDataset(str(masked_file)).skip(1))).numpy()
    broken = tf.train.Example.FromString(record)
    broken.features.feature["image/object/mask"].bytes_list.value[0] = b"no picture"
    assert read_example(tf.constant(broken.SerializeToString())).masks is None
    with pytest.raises(tf.errors.InvalidArgumentError):
        read_example(tf.constant(broken.SerializeToString()), masks=True)


@pytest.mark.parametrize("masks", [False, True])
def test_the_memory_goes_along_untouched(masked_file: Path, tmp_path: Path, masks: bool) -> None:
    path, memories = tmp_path / "context.tfrecord", {}
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, record in enumerate(tf.data.TFRecordDataset(str(masked_file)).as_numpy_iterator()):
            written = tf.train.Example.FromString(record)
            rows = np.arange(number * 6, dtype=np.float32) + 1 + 100 * number
            written.features.feature["image/context_features"].float_list.value.extend(rows)
            written.features.feature["image/context_feature_length"].int64_list.value.append(2)
            memories[number] = rows.reshape(-1, 2)
            writer.write(written.SerializeToString())
    shape = ContextShape(5, 2)
    evaluation = make_eval_dataset([path], preprocess, 3, num_examples=3, masks=masks, context=shape)
    options = text_format.Parse(
        "data_augmentation_options { random_horizontal_flip { probability: 1 } } "
        "data_augmentation_options { random_adjust_brightness { } }",
        protos.TrainConfig(),
    ).data_augmentation_options
    training = make_training_dataset(
        [path],
        preprocess,
        3,
        seed=1,
        augmentations=build_augmentations(options),
        num_examples=3,
        masks=masks,
        context=shape,
    )
    for batches in (evaluation, training.take(2)):
        for _, groundtruth in batches:
            features = groundtruth["context_features"].numpy()
            assert features.shape == (3, 5, 2) and ("masks" in groundtruth) == masks
            for row, valid, weights in zip(
                features,
                groundtruth["valid_context_size"].numpy(),
                groundtruth["weights"].numpy(),
                strict=True,
            ):
                number = int(weights.sum())  # image 2 has six rows, one more than is read
                assert valid == min(3 * number, 5)
                np.testing.assert_array_equal(row[:valid], memories[number][:valid])
                assert not row[valid:].any()
    plain = make_eval_dataset([path], preprocess, 3, num_examples=3)
    assert "context_features" not in plain.element_spec[1]


def test_large_memories_are_shuffled_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shuffle_block(None) == shuffle_block(ContextShape(20, 16)) == 1024
    assert shuffle_block(ContextShape(2000, 2057)) == 65  # of 16 MB each
    assert shuffle_block(ContextShape(2**20, 2**10)) == 1
    shape = ContextShape(5, 2)
    monkeypatch.setattr(records, "_BLOCK_BYTES", 2 * 4 * 5 * 2)
    assert shuffle_block(shape) == 2
    path = tmp_path / "named.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in range(EXAMPLES):
            named = tf.train.Example.FromString(example(number))
            named.features.feature["image/source_id"].bytes_list.value.append(b"%d" % number)
            writer.write(named.SerializeToString())
    how = {"seed": 4, "num_examples": EXAMPLES, "context": shape}
    batches = make_training_dataset([path], preprocess, 2, augmentations=Augmentations(), **how)
    numbers = order(batches, EXAMPLES)
    assert sorted(numbers[:2]) == [0, 1] and sorted(numbers[:EXAMPLES]) == list(range(EXAMPLES))
    named_numbers = [read_source_ids([path], 2, step=step, **how) for step in range(EXAMPLES)]
    assert [int(name) for names in named_numbers for name in names] == numbers
