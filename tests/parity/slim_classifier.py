"""slim's Inception-ResNet v2 classifier, and which of its variables TF1's detector takes: by the OD API.

Needs a process of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np


def write_classifier(folder: Path) -> None:
    """`folder`/slim.ckpt with random values, and names.json, from its pipeline.config.

    names.json maps the name of each variable of the detector's backbone to the classifier's.
    """
    from detection.tf1 import compat

    compat.install()
    import tensorflow.compat.v1 as tf
    import tf_slim as slim
    from nets import inception_resnet_v2
    from object_detection.builders import model_builder

    from detection.config.pipeline_config import read_pipeline_config

    config = read_pipeline_config(folder / "pipeline.config")
    with tf.Graph().as_default():
        model = model_builder.build(config.model, is_training=False)
        model.predict(*model.preprocess(tf.zeros([1, 90, 120, 3])))
        restored = model.restore_map(fine_tune_checkpoint_type="classification")
        names = {variable.op.name: name for name, variable in restored.items()}
    (folder / "names.json").write_text(json.dumps(names))

    random = np.random.default_rng(1)
    with tf.Graph().as_default(), tf.Session() as session:
        with slim.arg_scope(inception_resnet_v2.inception_resnet_v2_arg_scope()):
            inception_resnet_v2.inception_resnet_v2(
                tf.zeros([1, 299, 299, 3]), num_classes=11, is_training=False
            )
        values = {  # in one run: the session optimises the whole graph anew for each
            variable.initializer.inputs[1]: random.normal(0, 0.05, variable.shape.as_list())
            for variable in tf.global_variables()
        }
        session.run([variable.initializer for variable in tf.global_variables()], values)
        tf.train.Saver().save(session, str(folder / "slim.ckpt"), write_meta_graph=False)


if __name__ == "__main__":
    write_classifier(Path(sys.argv[1]))
