"""Writes the frozen TF1 graph of a pipeline.config and a checkpoint: the reference for a conversion's proof.

The graph is built by the Object Detection API's own TF1 code in a child process (that code needs TF1
behaviour and Keras 2 in the whole process), as export_inference_graph.py would build it. For a config of one
of the API's TF2 models, and a TF2 checkpoint, its Keras code builds it; see keras_oracle.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from detection.config.architectures import architecture_of
from detection.config.keras_twins import is_twin
from detection.errors import BadInput, Failed, UpcycleError

MOVING_AVERAGE = "/ExponentialMovingAverage"
_ROOT = Path(__file__).resolve().parents[2]
_RESULT = "oracle-error: "
# What the exporter names its outputs; a detector gives those that it has: masks are Mask R-CNN's.
_OUTPUTS = (
    "detection_boxes",
    "detection_scores",
    "detection_multiclass_scores",
    "detection_classes",
    "num_detections",
    "raw_detection_boxes",
    "raw_detection_scores",
    "detection_masks",
)


def write_oracle(config: Path, checkpoint: str, out: Path, num_classes: int | None = None) -> None:
    """Build the TF1 graph in a child process and freeze it to `out`.

    `checkpoint` is a prefix. `num_classes` overrides the config's, for a config already changed for fine-
    tuning. BadInput if config and checkpoint don't fit each other; Failed if the TF1 code can't build the
    model.
    """
    arguments = ["--checkpoint", checkpoint, "--out", str(out)]
    if num_classes is not None:
        arguments += ["--num-classes", str(num_classes)]
    _run_child(config, arguments, f"{config} with {checkpoint}")


def find_unread(config: Path) -> dict[str, list[int]]:
    """Name and shape of each variable that TF1's model has and none of its outputs depends on.

    TF1 builds a backbone to its end, whatever is read of it, and restores no checkpoint without all of its
    variables. Failed if the TF1 code can't build the model.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "unread.json"
        _run_child(config, ["--out", str(out)], str(config))
        unread: dict[str, list[int]] = json.loads(out.read_text(encoding="utf-8"))
        return unread


def _run_child(config: Path, arguments: list[str], where: str) -> None:
    command = [sys.executable, "-m", "detection.tf1.oracle", "--config", str(config), *arguments]
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {
        "TF_USE_LEGACY_KERAS": "1",
        "PYTHONPATH": path,
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    child = subprocess.run(command, env=environment, capture_output=True, text=True)
    if child.returncode == 0:
        return
    for line in child.stdout.splitlines():
        if line.startswith(_RESULT):
            error = json.loads(line.removeprefix(_RESULT))
            kind = BadInput if child.returncode == BadInput.exit_code else Failed
            raise kind(error["what"], error["where"], error["fix"])
    tail = "\n".join(child.stderr.splitlines()[-15:])
    raise Failed(
        f"the TF1 code can't build the graph of this config (exit code {child.returncode}):\n{tail}",
        where,
        "check that the config is the one the checkpoint was trained with, or give the frozen graph instead",
    )


def build_graph(config: Any) -> None:
    """The exporter's graph in the current default graph: image_tensor uint8 [?, ?, ?, 3] to detection_*.

    A Context R-CNN's has its two side inputs beside image_tensor [1, ?, ?, 3], and a SpaghettiNet's
    image_tensor is [1, ?, ?, 3] too. Only for a process that called compat.install.
    """
    import tensorflow.compat.v1 as tf
    from object_detection.builders import model_builder

    from detection.context import FEATURES, VALID, context_shape

    model = model_builder.build(config.model, is_training=False)
    memory = context_shape(config.model)
    side_inputs = {}
    if memory is not None:
        side_inputs = {
            FEATURES: tf.placeholder(tf.float32, (1, *memory), name=FEATURES),
            VALID: tf.placeholder(tf.int32, (1,), name=VALID),
        }
    # the code of some must know how many images there are: their exports have one, too
    knows_batch = memory is not None or architecture_of(config.model) == "ssd_spaghettinet"
    batch_size = 1 if knows_batch else None
    images = tf.placeholder(tf.uint8, (batch_size, None, None, 3), name="image_tensor")
    preprocessed, true_shapes = model.preprocess(tf.cast(images, tf.float32))
    with tf.name_scope(None):
        predictions = model.predict(preprocessed, true_shapes, **side_inputs)
        detections = model.postprocess(predictions, true_shapes)
    detections["detection_classes"] += 1  # label map ids start at 1; the model's classes at 0
    for name in _OUTPUTS:
        if name in detections:
            tf.identity(detections[name], name=name)


def _restore(session: Any, checkpoint: str, use_moving_averages: bool) -> None:
    import tensorflow.compat.v1 as tf

    held = tf.train.load_checkpoint(checkpoint).get_variable_to_shape_map()
    names = {}
    for variable in tf.global_variables():
        name = variable.op.name
        average = name + MOVING_AVERAGE
        names[average if use_moving_averages and average in held else name] = variable
    missing = sorted(set(names) - set(held))
    if missing:
        raise BadInput(
            f"{len(missing)} of the {len(names)} variables of the config's TF1 model are not in the "
            "checkpoint, "
            f"such as {missing[0]}",
            checkpoint,
            "use the pipeline.config the checkpoint was trained with; compare the feature extractor's type",
        )
    for name, variable in names.items():
        if variable.shape.as_list() != held[name]:
            raise BadInput(
                f"{name} is {held[name]} in the checkpoint and {variable.shape.as_list()} in the "
                "config's TF1 model",
                checkpoint,
                "use the pipeline.config the checkpoint was trained with; compare depth_multiplier, "
                "anchors, sizes",
            )
    tf.train.Saver(names).restore(session, checkpoint)


def write_frozen(session: Any, out: Path) -> None:
    """Freeze the session's graph, which `build_graph` made, to the file `out`."""
    import tensorflow.compat.v1 as tf

    names = {operation.name for operation in session.graph.get_operations()}
    outputs = [name for name in _OUTPUTS if name in names]
    frozen = tf.graph_util.convert_variables_to_constants(session, session.graph.as_graph_def(), outputs)
    _write_graph_def(frozen, out)


def _write_unread(config_path: Path, out: Path) -> None:
    from detection.config.pipeline_config import read_pipeline_config
    from detection.tf1 import compat

    config = read_pipeline_config(config_path)
    compat.install()
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default() as graph:
        build_graph(config)
        graph_def = graph.as_graph_def()
        outputs = [node.name for node in graph_def.node if node.name in _OUTPUTS]
        read = {node.name for node in tf.graph_util.extract_sub_graph(graph_def, outputs).node}
        unread = {v.op.name: v.shape.as_list() for v in tf.global_variables() if v.op.name not in read}
    out.write_text(json.dumps(unread), encoding="utf-8")


def _write_graph_def(graph_def: Any, out: Path) -> None:
    partial = out.with_name(out.name + ".partial")
    partial.write_bytes(graph_def.SerializeToString())
    os.replace(partial, out)


def _freeze(config_path: Path, checkpoint: str, out: Path, num_classes: int | None) -> None:
    from detection.config.pipeline_config import read_pipeline_config
    from detection.tf1 import compat

    config = read_pipeline_config(config_path)
    if num_classes is not None:
        getattr(config.model, config.model.WhichOneof("model")).num_classes = num_classes
    if is_twin(config.model):
        from detection.tf1.keras_oracle import frozen_keras_graph

        _write_graph_def(frozen_keras_graph(config, checkpoint, _OUTPUTS), out)
        return
    compat.install()
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        build_graph(config)
        _restore(session, checkpoint, config.eval_config.use_moving_averages)
        write_frozen(session, out)


def main() -> None:
    """The child process: build, restore, freeze; an error goes to stdout as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument(
        "--checkpoint", help="prefix, such as DIR/model.ckpt; without it, list what is unread"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--num-classes", type=int, help="instead of the config's")
    args = parser.parse_args()
    try:
        if args.checkpoint is None:
            _write_unread(args.config, args.out)
            return
        _freeze(args.config, args.checkpoint, args.out, args.num_classes)
    except UpcycleError as error:
        print(_RESULT + json.dumps({"what": error.what, "where": error.where, "fix": error.fix}))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
