from __future__ import annotations

import pickle

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.example_gen.records import GoodBox
from components.example_gen.tfdv_statistics import TabularStatistics, write_statistics


def box(label, side):
    return GoodBox(0.0, 0.0, side, side, label, 1, False, False)


def table_of(images):
    table = TabularStatistics()
    for start in range(0, len(images), 100):
        table.add(images[start : start + 100])
    return pickle.loads(pickle.dumps(table))


IMAGES = [
    ((640, 480), [box("cat", 0.5), box("dog", 0.25)]),
    ((320, 480), []),
    ((800, 480), [box("cat", 0.1)]),
]


def test_parts_of_shards_add_up(tmp_path):
    merged = TabularStatistics()
    for part in (IMAGES[:1], [], IMAGES[1:]):
        merged.merge(table_of(part))
    write_statistics(
        [("train", merged), ("eval", TabularStatistics())],
        str(tmp_path / "statistics"),
        str(tmp_path / "schema"),
    )
    assert [f.name for f in (tmp_path / "statistics").iterdir()] == ["Split-train"]  # nothing of no image
    data = (tmp_path / "statistics" / "Split-train" / "FeatureStats.pb").read_bytes()
    found = statistics_pb2.DatasetFeatureStatisticsList.FromString(data).datasets[0]
    assert (found.name, found.num_examples) == ("train", 3)
    features = {feature.path.step[0]: feature for feature in found.features}
    width = features["image/width"].num_stats
    assert (width.min, width.max, width.mean) == (320, 800, 1760 / 3)
    ymax = features["image/object/bbox/ymax"].num_stats
    assert ymax.common_stats.tot_num_values == 3
    text = features["image/object/class/text"].string_stats
    assert text.unique == 2
    assert [(top.value, top.frequency) for top in text.top_values] == [("cat", 2), ("dog", 1)]

    schema = schema_pb2.Schema()
    text_format.Parse((tmp_path / "schema" / "schema.pbtxt").read_text(), schema)
    kinds = {feature.name: feature.type for feature in schema.feature}
    assert kinds["image/object/class/text"] == schema_pb2.BYTES
    assert kinds["image/object/bbox/xmin"] == schema_pb2.FLOAT
    assert "image/encoded" not in kinds


def test_more_images_than_are_handed_over_at_once(tmp_path):
    table = table_of([((i + 1, 100), [box("cat", 0.5)]) for i in range(2300)])
    found = table.result().datasets[0]
    assert found.num_examples == 2300
    width = next(feature for feature in found.features if feature.path.step[0] == "image/width")
    assert (width.num_stats.min, width.num_stats.max) == (1, 2300)
    assert abs(width.num_stats.median - 1150) < 50


def test_small_parts_are_handed_over_together():
    """A shard of few images costs no more than its share, and gives what a large one does."""
    images = [((i + 1, 100), [box("cat", 0.5)] * (i % 3)) for i in range(1500)]
    merged = TabularStatistics()
    for start in range(0, len(images), 150):
        merged.merge(table_of(images[start : start + 150]))
    small, large = merged.result().datasets[0], table_of(images).result().datasets[0]
    assert small.num_examples == large.num_examples == 1500
    assert small.SerializeToString(deterministic=True) == large.SerializeToString(deterministic=True)


def test_names_are_those_of_the_examples(voc_data):
    from components.example_gen.beam_pipeline import new_work_folder, write_examples
    from components.example_gen.read import read_dataset
    from components.example_gen.records import as_options

    voc_data.add("train", "a")
    out = str(voc_data.root / "out")
    options = as_options(voc_data.options(compress=False))
    written = write_examples(read_dataset(options), options, voc_data.label_map, out, new_work_folder(out))
    total = next(report for report in written.reports() if report.statistics.images_written)
    names = {feature.path.step[0] for feature in total.table.result().datasets[0].features}
    (file,) = [f for f in (voc_data.root / "out").rglob("*.tfrecord") if f.stat().st_size]
    record = next(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    keys = set(tf.train.Example.FromString(record).features.feature)
    assert names < keys and "image/encoded" not in names
