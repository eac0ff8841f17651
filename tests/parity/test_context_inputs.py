"""The memory that a Context R-CNN is trained and validated with is the OD API's, of the same records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.dataset import make_eval_dataset, make_training_dataset
from detection.augment import build_augmentations
from detection.config.pipeline_config import parse_pipeline_config
from detection.context import ContextShape, context_shape
from tests.parity.od_api_configs import faster_rcnn
from tests.parity.od_api_context import CONFIG, RECORDS, read_with_od_api
from tests.parity.od_api_shim_configs import CONTEXT

MODEL = faster_rcnn("faster_rcnn_inception_v2", rpn=CONTEXT)
RESIZER = "keep_aspect_ratio_resizer { min_dimension: 120 max_dimension: 200 }"
TRAINING = """
train_config {
  batch_size: 2 num_steps: 1
  optimizer { momentum_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.1 } } } }
  data_augmentation_options { random_horizontal_flip { } }
  data_augmentation_options { random_crop_image { } }
}
train_input_reader {
  load_context_features: true shuffle: false num_epochs: 1 num_readers: 1 include_source_id: true
  sample_1_of_n_examples: 1 label_map_path: "unused"
  tf_record_input_reader { }
}
"""
ROWS = (0, 7, 20, 33)  # none, some, as many as the model reads, and more


def write_records(path: Path) -> None:
    """An image for each of ROWS, with an object and so many rows of 16 values."""
    rng = np.random.default_rng(3)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for index, rows in enumerate(ROWS):
            example = tf.train.Example()
            feature = example.features.feature
            png = tf.io.encode_png(rng.integers(0, 255, [40, 60, 3], np.uint8)).numpy()
            feature["image/encoded"].bytes_list.value.append(png)
            feature["image/source_id"].bytes_list.value.append(f"{index}".encode())
            for side, value in {"ymin": 0.2, "xmin": 0.2, "ymax": 0.8, "xmax": 0.7}.items():
                feature[f"image/object/bbox/{side}"].float_list.value.append(value)
            feature["image/object/class/label"].int64_list.value.append(1)
            feature["image/object/class/text"].bytes_list.value.append(b"a")
            feature["image/context_features"].float_list.value.extend(rng.normal(size=rows * 16))
            feature["image/context_feature_length"].int64_list.value.append(16)
            writer.write(example.SerializeToString())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_memory_is_padded_and_cut_as_by_the_od_api(tmp_path: Path) -> None:
    assert RESIZER in MODEL
    text = MODEL.replace(RESIZER, "fixed_shape_resizer { height: 64 width: 64 }") + TRAINING
    labels = "".join(f"item {{ id: {id} name: '{name}' }} " for id, name in enumerate("abc", 1))
    (tmp_path / "labels.pbtxt").write_text(labels)
    text = text.replace('"unused"', f'"{tmp_path / "labels.pbtxt"}"')
    (tmp_path / CONFIG).write_text(text)
    write_records(tmp_path / RECORDS)
    wanted = read_with_od_api(tmp_path)

    config = parse_pipeline_config(text, "tests")
    shape = context_shape(config.model)
    assert shape == ContextShape(20, 16)
    files = [tmp_path / RECORDS]
    training = make_training_dataset(
        files,
        lambda images: tf.image.resize(images, [64, 64]),
        len(ROWS),
        seed=1,
        augmentations=build_augmentations(config.train_config.data_augmentation_options),
        num_examples=len(ROWS),
        context=shape,
    )
    evaluation = make_eval_dataset(
        files, lambda images: tf.image.resize(images, [64, 64]), 4, num_examples=len(ROWS), context=shape
    )
    for name, batches in (("train", training), ("eval", evaluation)):
        _, groundtruth = next(iter(batches))
        assert wanted[f"{name}/source_id"].tolist() == ["0", "1", "2", "3"]
        features, valid = wanted[f"{name}/context_features"], wanted[f"{name}/valid_context_size"]
        assert features.shape == (4, 20, 16) and valid.tolist() == list(ROWS)
        # the OD API says 33 of a memory that it has cut to 20: to its attention, that is as good as 20
        valid = np.minimum(valid, shape.size)
        found_valid = groundtruth["valid_context_size"].numpy()
        found = groundtruth["context_features"].numpy()
        places = np.arange(len(ROWS))
        if name == "train":  # in the order of our own shuffling
            places = [np.flatnonzero((features == rows).all(axis=(1, 2))).item() for rows in found]
            assert sorted(places) == [0, 1, 2, 3]
        np.testing.assert_array_equal(found, features[places])
        np.testing.assert_array_equal(found_valid, valid[places])
        assert (found.dtype, found_valid.dtype) == (features.dtype, valid.dtype)
