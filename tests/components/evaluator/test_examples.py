from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from components.evaluator.examples import read_examples
from detection.config.label_map import LabelMap, LabelMapItem

NAMES = ("stop", "yield", "priority_road")
LABELS = LabelMap(tuple(LabelMapItem(i, name, name) for i, name in enumerate(NAMES, 1)))


def test_plain_and_gzipped_files_mix(write_examples: Callable[..., list[Path]], tmp_path: Path) -> None:
    first, second = write_examples(tmp_path, 6)
    plain = first.with_suffix("")
    with tf.io.TFRecordWriter(str(plain)) as writer:
        for record in tf.data.TFRecordDataset(str(first), compression_type="GZIP").as_numpy_iterator():
            writer.write(record)
    packed, mixed = (list(read_examples(files, LABELS)) for files in ([first, second], [plain, second]))
    assert len(mixed) == 6
    assert [one.filename for one in mixed] == [one.filename for one in packed]
    assert [one.encoded for one in mixed] == [one.encoded for one in packed]
