"""The files that make up a published model, and their content hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from components.pusher.manifest import MANIFEST_FILE
from detection.errors import BadInput

_BESIDE_THE_MODEL = ("label_map.pbtxt", "pipeline.config")
# come along where the Trainer has written them; TensorFlow Serving leaves them alone
_IF_THERE = ("model_card.md", "tflite/*")
# what TensorFlow Serving replays when it loads a version
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
_CHUNK_BYTES = 1 << 20


def model_files(model_dir: Path) -> dict[str, Path]:
    """Map each path inside a published version to its source in a trained model's directory.

    `saved_model/` becomes the root, so that TensorFlow Serving finds `saved_model.pb` there;
    label_map.pbtxt and pipeline.config come along, and the model card and TFLite models that are there.
    Raises BadInput if one of the first is missing.
    """
    saved_model = model_dir / "saved_model"
    needed = [saved_model / "saved_model.pb", *(model_dir / name for name in _BESIDE_THE_MODEL)]
    missing = [str(path.relative_to(model_dir)) for path in needed if not path.is_file()]
    if missing:
        raise BadInput(
            f"the model to publish lacks {', '.join(missing)}",
            str(model_dir),
            "pass the Trainer's output directory: saved_model/, label_map.pbtxt and pipeline.config",
        )
    files = {
        path.relative_to(saved_model).as_posix(): path for path in saved_model.rglob("*") if path.is_file()
    }
    others = [path for pattern in _IF_THERE for path in model_dir.glob(pattern) if path.is_file()]
    files |= {path.relative_to(model_dir).as_posix(): path for path in others}
    return files | {name: model_dir / name for name in _BESIDE_THE_MODEL}


def published_files(version_dir: Path) -> dict[str, Path]:
    """Map each model file of a published version's directory to where it lies."""
    files = {p.relative_to(version_dir).as_posix(): p for p in version_dir.rglob("*") if p.is_file()}
    return {name: path for name, path in files.items() if is_model_file(name)}


def is_model_file(name: str) -> bool:
    """Whether a file of a version is part of its content.

    What publishing adds is none: the manifest, and the requests that warm a server up.
    """
    return name not in (MANIFEST_FILE, WARMUP_FILE)


def content_hash(files: dict[str, Path]) -> str:
    """Return the SHA-256 (hex) over the names and bytes of `files`, in the order of their names."""
    return hash_of_digests({name: digest(file_chunks(path)) for name, path in files.items()})


def hash_of_digests(digests: Mapping[str, str]) -> str:
    """The content hash of files whose SHA-256 are known."""
    whole = hashlib.sha256()
    for name in sorted(digests):
        whole.update(f"{digests[name]}  {name}\n".encode())
    return whole.hexdigest()


def digest(chunks: Iterable[bytes]) -> str:
    """The SHA-256 (hex) of one file's bytes."""
    one = hashlib.sha256()
    for chunk in chunks:
        one.update(chunk)
    return one.hexdigest()


def file_chunks(path: Path) -> Iterator[bytes]:
    """A file's bytes, piece by piece."""
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
