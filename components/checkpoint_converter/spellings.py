"""Paths that people give in place of a TF1 checkpoint, by name, and what to give instead."""

from __future__ import annotations

from pathlib import Path

from detection.errors import BadInput

_TF1 = "a TF1 checkpoint (model.ckpt), its folder, a frozen_inference_graph.pb or a TF1 SavedModel"

# Endings of the name, what such a file is, and the fix.
_ENDINGS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        (".tar.gz", ".tgz", ".tar", ".zip", ".gz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar"),
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
_ADDRESSES = ("http:", "https:", "ftp:", "gs:", "s3:", "hdfs:")
_LFS_HEADER = b"version https://git-lfs.github.com/spec/"
# First bytes of a file that is none of TensorFlow's whatever its name says, what it is, and the fix.
_CONTENTS: tuple[tuple[tuple[bytes, ...], str, str], ...] = (
    (
        (
            b"\x1f\x8b",
            b"PK\x03\x04",
            b"BZh",
            b"\xfd7zXZ\x00",
            b"\x28\xb5\x2f\xfd",
            b"7z\xbc\xaf\x27\x1c",
            b"Rar!",
        ),
        "the file is compressed, whatever its name says",
        "unpack it, and give what was in it",
    ),
    (
        (b"<!doctype html", b"<html"),
        "the file is a web page, not the model: a download saved the page of the link, or an error",
        "download the file itself (on GitHub: Raw)",
    ),
    ((b"\x89HDF\r\n\x1a\n",), "the file is a Keras model (HDF5)", f"give {_TF1}"),
)


def refuse_other_kinds(path: Path) -> None:
    """BadInput if the name says that this is no TF1 model: an archive, another format, a web address."""
    if str(path).startswith(_ADDRESSES):
        raise BadInput(
            "the checkpoint is a web address", str(path), "download it, and give the path of the copy"
        )
    for endings, what, fix in _ENDINGS:
        if path.name.lower().endswith(endings):
            raise BadInput(what, str(path), fix)


def refuse_other_contents(file: Path, any_bytes: bool = False) -> None:
    """BadInput if the first bytes say that this is no file of a model: a Git LFS pointer, a web page, a ZIP.

    Also for an empty file. `any_bytes`: a file of bare values (.data) may begin as it likes, and be empty.
    """
    with file.open("rb") as stream:
        start = stream.read(64)
    if start.startswith(_LFS_HEADER):
        raise BadInput(
            f"the file is a Git LFS pointer of {file.stat().st_size} bytes, not the file itself",
            str(file),
            "run `git lfs install && git lfs pull` in the clone, or download the file itself",
        )
    if any_bytes:
        return
    if not start:
        raise BadInput("the file is empty", str(file), "copy or download it again")
    for starts, what, fix in _CONTENTS:
        if start.startswith(starts) or start.lstrip().lower().startswith(starts):
            raise BadInput(what, str(file), fix)
