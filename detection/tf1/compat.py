"""Makes the TF1 half of the Object Detection API importable beside TensorFlow 2.21.

The package was written for TensorFlow 1.15, protobuf 3 and NumPy 1. Its files stay as they are; an import
hook and a few module aliases supply what has since been removed. Only a process of its own may call
`install`, because it switches the whole process to TF1 behaviour; `install_beside_tf2` leaves TF2's on.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
import types
from collections.abc import Sequence
from pathlib import Path

from detection.config import protos
from detection.tf1.contrib import alias_contrib

PACKAGE = "object_detection"
LEGACY_KERAS = {"TF_USE_LEGACY_KERAS": "1"}

# NumPy 1.24 removed np.int, np.float and np.bool
_OLD_NUMPY = (re.compile(rb"\bnp\.(int|float|bool)\b"), rb"\1")
# Sources that need a mend, each a pattern and what it becomes.
_MENDS = {
    "nets.mobilenet.mobilenet_v3": _OLD_NUMPY,
    "object_detection.utils.metrics": _OLD_NUMPY,
    # a dimension is a plain number where TF2 behaviour is on
    "object_detection.meta_architectures.context_rcnn_lib": (
        re.compile(rb"\bchannels\.value\b"),
        rb"tf.dimension_value(channels)",
    ),
}


class _ProtoLoader(importlib.abc.Loader):
    """Serves `object_detection.protos.X_pb2` from the message classes that detection.config already built."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__.update(protos.module_members(module.__name__.rsplit(".", 1)[1]))


class _MendingLoader(importlib.machinery.SourceFileLoader):
    """Compiles a source of _MENDS, with what is out of date in it replaced."""

    def get_code(self, fullname: str) -> types.CodeType:
        pattern, replacement = _MENDS[fullname]
        source = pattern.sub(replacement, self.get_data(self.path))
        return compile(source, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, root: Path) -> None:
        self.root = root

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if (
            fullname == "nets"
        ):  # slim's networks are imported as a top-level package; the wheel ships them inside
            folder = self.root / "nets"
            return importlib.util.spec_from_file_location(
                fullname, folder / "__init__.py", submodule_search_locations=[str(folder)]
            )
        if fullname.startswith(f"{PACKAGE}.protos.") and fullname.endswith("_pb2"):
            return importlib.util.spec_from_loader(fullname, _ProtoLoader())
        if fullname in _MENDS:
            spec = importlib.machinery.PathFinder.find_spec(fullname, path)
            if spec is not None and spec.origin is not None:
                spec.loader = _MendingLoader(fullname, spec.origin)
            return spec
        return None


def _alias_legacy_layers() -> None:
    # tf_slim's batch_norm imports a path that the tf_keras wheel keeps under src.
    for name in ("legacy_tf_layers", "legacy_tf_layers.normalization"):
        if importlib.util.find_spec(f"tf_keras.{name}") is None:
            sys.modules[f"tf_keras.{name}"] = importlib.import_module(f"tf_keras.src.{name}")


def _alias_tensor() -> None:
    # tf_slim asks for the class where TensorFlow 1 kept it, if batch norm updates in place.
    from tensorflow.python.framework import ops, tensor

    if not hasattr(ops, "Tensor"):
        vars(ops)["Tensor"] = tensor.Tensor


def _unify_slim_layers() -> None:
    # tf_slim takes its convolutions from TensorFlow's frozen copy of Keras 2 and batch norm from tf_keras;
    # one variable store must govern both
    from tf_keras.src.engine import input_spec
    from tf_keras.src.legacy_tf_layers import base, convolutional, core, normalization, pooling

    vars(importlib.import_module("tf_slim.layers.layers")).update(
        base=base,
        convolutional_layers=convolutional,
        core_layers=core,
        input_spec=input_spec,
        normalization_layers=normalization,
        pooling_layers=pooling,
    )


def hook_imports() -> None:
    """Make `object_detection` importable as it is, in whatever behaviour the process has.

    RuntimeError if the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"the package {PACKAGE} is not installed")
    sys.meta_path.insert(0, _Finder(Path(spec.submodule_search_locations[0])))
    alias_contrib()
    _alias_legacy_layers()
    _alias_tensor()


def is_hooked() -> bool:
    """Whether `hook_imports` was called."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def install() -> None:
    """Switch this process to TF1 behaviour and make `object_detection` importable, once.

    RuntimeError if the process was not started with TF_USE_LEGACY_KERAS=1: slim's layers need Keras 2.
    """
    if os.environ.get("TF_USE_LEGACY_KERAS") != "1":
        raise RuntimeError("start the process with TF_USE_LEGACY_KERAS=1")
    if is_hooked():
        return
    import tensorflow as tf

    # The package asks at import time which version it runs on, and then loads the TF1 feature extractors.
    tf.compat.v1.disable_v2_behavior()
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    hook_imports()


def install_beside_tf2() -> None:
    """Make the TF1 half of `object_detection` importable in a process that keeps TF2 behaviour, once.

    Its layers must run in a variable store of tf_keras; see detection.shim. Keras 3 is not touched.
    """
    if is_hooked():
        return
    hook_imports()
    tf_version = importlib.import_module(f"{PACKAGE}.utils.tf_version")
    vars(tf_version).update(is_tf1=lambda: True, is_tf2=lambda: False)
    _unify_slim_layers()
