"""The context features that the OD API's own input pipeline makes of records, in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tests.parity.child import run_child

CONFIG, RECORDS, FOUND = "pipeline.config", "records.tfrecord", "found.npz"


def read_with_od_api(folder: Path) -> dict[str, np.ndarray]:
    """What train_input and eval_input give for `folder`'s RECORDS, one epoch in the order of the file.

    Returns:
      Of each of "train" and "eval": "<input>/source_id" [N], "<input>/context_features" [N, size, length] and
      "<input>/valid_context_size" [N].
    """
    run_child("od_api_context", str(folder))
    with np.load(folder / FOUND) as arrays:
        return dict(arrays)


def _write(folder: Path) -> None:
    from detection.tf1 import compat

    compat.install()
    import tensorflow.compat.v1 as tf
    from tensorflow.python.ops import control_flow_ops

    # Gone from TensorFlow: the first is only imported, slim's decoder calls the others.
    vars(tf)["estimator"] = None
    vars(control_flow_ops).update(case=tf.case, cond=tf.cond)
    from object_detection import inputs

    from detection.config.pipeline_config import read_pipeline_config

    config = read_pipeline_config(folder / CONFIG)
    reader = config.train_input_reader
    reader.tf_record_input_reader.input_path.append(str(folder / RECORDS))
    read = {
        "train": lambda: inputs.train_input(config.train_config, reader, config.model),
        "eval": lambda: inputs.eval_input(config.eval_config, reader, config.model),
    }
    names = ("source_id", "context_features", "valid_context_size")
    found = {}
    for name, make in read.items():
        with tf.Graph().as_default(), tf.Session() as session:
            iterator = tf.data.make_initializable_iterator(make())
            features, _ = iterator.get_next()
            session.run([iterator.initializer, tf.tables_initializer()])
            batches = []
            while True:
                try:
                    batches.append(session.run({key: features[key] for key in names}))
                except tf.errors.OutOfRangeError:
                    break
        for key in names:
            values = np.concatenate([batch[key] for batch in batches])
            found[f"{name}/{key}"] = values.astype("U") if key == "source_id" else values
    np.savez(folder / FOUND, **found)


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
