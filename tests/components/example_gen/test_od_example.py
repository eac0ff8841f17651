from __future__ import annotations

import hashlib

import tensorflow as tf

from components.example_gen.decode import decode_image
from components.example_gen.od_example import to_example
from components.example_gen.records import GoodBox

BOXES = [
    GoodBox(0.1, 0.2, 0.5, 0.75, "dog", 2, difficult=True, truncated=False, mask=b"one"),
    GoodBox(0.0, 0.0, 1.0, 1.0, "cat", 1, difficult=False, truncated=True, mask=b"two"),
]


def features_of(jpeg, boxes, masks=False):
    data = jpeg()
    raw = to_example("a/b.jpg", decode_image(data), hashlib.sha256(data).hexdigest(), boxes, masks)
    example = tf.train.Example.FromString(raw)
    assert example.SerializeToString(deterministic=True) == raw
    return {key: feature for key, feature in example.features.feature.items()}


def test_every_list_has_a_value_for_each_box(jpeg):
    features = features_of(jpeg, BOXES)
    assert features["image/object/bbox/xmin"].float_list.value[1] == 0.0
    assert features["image/object/bbox/ymax"].float_list.value[:] == [0.5, 1.0]
    assert features["image/object/class/text"].bytes_list.value[:] == [b"dog", b"cat"]
    assert features["image/object/class/label"].int64_list.value[:] == [2, 1]
    assert features["image/object/difficult"].int64_list.value[:] == [1, 0]
    assert features["image/object/truncated"].int64_list.value[:] == [0, 1]
    assert "image/object/mask" not in features
    assert features_of(jpeg, BOXES, masks=True)["image/object/mask"].bytes_list.value[:] == [b"one", b"two"]


def test_many_boxes_are_written_as_few(jpeg):
    few, many = features_of(jpeg, BOXES), features_of(jpeg, BOXES * 40)
    for name in ("class/text", "class/label", "difficult", "truncated", "bbox/ymin"):
        lists = [features[f"image/object/{name}"] for features in (few, many)]
        kind = lists[0].WhichOneof("kind")
        assert getattr(lists[1], kind).value[:] == getattr(lists[0], kind).value[:] * 40


def test_an_image_without_boxes_has_the_same_features_empty(jpeg):
    empty = features_of(jpeg, [])
    assert set(empty) == set(features_of(jpeg, BOXES))
    assert all(
        not getattr(feature, feature.WhichOneof("kind")).value
        for key, feature in empty.items()
        if key.startswith("image/object/") and feature.WhichOneof("kind")
    )


def test_further_features_are_copied(jpeg):
    more = {"image/context_feature_length": tf.train.Feature(int64_list=tf.train.Int64List(value=[300]))}
    raw = to_example("a", decode_image(jpeg()), "0", BOXES, more=more)
    example = tf.train.Example.FromString(raw)
    assert example.features.feature["image/context_feature_length"].int64_list.value[:] == [300]
    assert example.SerializeToString(deterministic=True) == raw
