"""Pictures of discs and triangles as TFRecords of the Object Detection API, with context features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from tests.e2e.drawn_objects import HEIGHT, NAMES, WIDTH, write_coco

LENGTH = 16
ROWS = (25, 7, 0)  # more than the model reads, fewer, and none; in turn


def write_context_records(folder: Path, count: int, seed: int) -> None:
    """Writes `folder`/examples.record with `count` of write_coco's images and drawn rows of LENGTH values."""
    coco, random = folder.with_name(f"{folder.name}_coco"), np.random.default_rng(seed)
    write_coco(coco, count, seed)
    listed = json.loads((coco / "annotations.json").read_text(encoding="utf-8"))
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "examples.record")) as writer:
        for index, image in enumerate(listed["images"]):
            example = tf.train.Example()
            feature = example.features.feature
            for name in ("image/filename", "image/source_id"):
                feature[name].bytes_list.value.append(image["file_name"].encode())
            picture = (coco / "images" / image["file_name"]).read_bytes()
            feature["image/encoded"].bytes_list.value.append(picture)
            feature["image/format"].bytes_list.value.append(b"jpeg")
            feature["image/width"].int64_list.value.append(WIDTH)
            feature["image/height"].int64_list.value.append(HEIGHT)
            for one in (one for one in listed["annotations"] if one["image_id"] == image["id"]):
                left, top, width, height = one["bbox"]
                box = {"xmin": left / WIDTH, "ymin": top / HEIGHT}
                box |= {"xmax": (left + width) / WIDTH, "ymax": (top + height) / HEIGHT}
                for side, value in box.items():
                    feature[f"image/object/bbox/{side}"].float_list.value.append(value)
                feature["image/object/class/label"].int64_list.value.append(one["category_id"])
                name = NAMES[one["category_id"] - 1].encode()
                feature["image/object/class/text"].bytes_list.value.append(name)
            rows = random.normal(size=ROWS[index % len(ROWS)] * LENGTH)
            feature["image/context_features"].float_list.value.extend(rows)
            feature["image/context_feature_length"].int64_list.value.append(LENGTH)
            writer.write(example.SerializeToString())
