"""Paths that people give in place of a TF1 checkpoint, by name, and what to give instead."""

from __future__ import annotations

from pathlib import Path

from detection.errors import BadInput

_TF1 = "a TF1 checkpoint (model.ckpt), its folder, a frozen_inference_graph.pb or a TF1 SavedModel"

# Endings of the name, what such a file is, and the fix.
_ENDINGS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        (".tar.gz", ".tgz", ".tar", ".zip"),
        "the file is an archive",
        "unpack it, and give the folder that holds model.ckpt.index or frozen_inference_graph.pb",
    ),
    (
        (".config",),
        "a pipeline.config describes a model and holds none of its variables",
        f"give it as the config, and as the checkpoint {_TF1}",
    ),
    (
        (".pbtxt",),
        "a .pbtxt is a label map or a graph as text, without the variables",
        f"give {_TF1}",
    ),
    (
        (".tflite",),
        "a TensorFlow Lite model can't be trained: its variables are fused and often quantised",
        f"give what it was made from: {_TF1}",
    ),
    (
        (".h5", ".hdf5", ".keras"),
        "the file is a Keras model, not a model of TF1's Object Detection API",
        f"give {_TF1}",
    ),
    ((".onnx", ".pt", ".pth"), "the file is no TensorFlow model", f"give {_TF1}"),
)
_ADDRESSES = ("http:", "https:", "gs:", "s3:")


def refuse_other_kinds(path: Path) -> None:
    """BadInput if the name says that this is no TF1 model: an archive, another format, a web address."""
    if str(path).startswith(_ADDRESSES):
        raise BadInput(
            "the checkpoint is a web address", str(path), "download it, and give the path of the copy"
        )
    for endings, what, fix in _ENDINGS:
        if path.name.lower().endswith(endings):
            raise BadInput(what, str(path), fix)
