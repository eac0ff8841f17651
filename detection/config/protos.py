"""The Object Detection API's message classes, without importing the package or TensorFlow.

The installed package's generated `*_pb2.py` files are older than protobuf 4 and can't be imported any more,
but each holds its schema as a serialized descriptor. The descriptors are read out of the sources and go into
protobuf's default pool, where detection.tf1 finds the same classes when it loads the real package.

    from detection.config import protos
    config = protos.TrainEvalPipelineConfig()
"""

from __future__ import annotations

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, symbol_database
from google.protobuf.internal import builder

from detection.errors import BadInput

PACKAGE = "object_detection"
_PROTO_FOLDER = f"{PACKAGE}/protos/"
_SERIALIZED = re.compile(r"^\s*serialized_pb=(b'(?:[^'\\]|\\.)*')", re.MULTILINE)


@cache
def proto_folder() -> Path:
    """The folder of the installed package's `*_pb2.py` files; BadInput where it isn't installed."""
    spec = importlib.util.find_spec(PACKAGE)  # a top-level package is located, not imported
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "protos"
        if (folder / "pipeline_pb2.py").is_file():
            return folder
    raise BadInput(
        "the Object Detection API's protos are not installed",
        f"package {PACKAGE} in this Python environment",
        "install requirements.lock (it pins tf-models-research-object-detection)",
    )


@cache
def serialized_descriptor(module: str) -> bytes:
    """The FileDescriptorProto bytes inside `module` ("pipeline_pb2"); BadInput if there are none."""
    path = proto_folder() / f"{module}.py"
    match = _SERIALIZED.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    if match is None:
        raise BadInput(
            f"no proto descriptor for {module}", str(path), "install the version that requirements.lock pins"
        )
    serialized: bytes = ast.literal_eval(match.group(1))
    return serialized


@cache
def module_members(module: str) -> dict[str, Any]:
    """What protoc would define in `module` ("pipeline_pb2"): DESCRIPTOR, messages, enums, constants.

    Files that it depends on are loaded first. Each call gives the same dictionary, thus the same classes.
    """
    serialized = serialized_descriptor(module)
    file_proto = descriptor_pb2.FileDescriptorProto.FromString(serialized)
    for dependency in file_proto.dependency:
        if dependency.startswith(_PROTO_FOLDER):
            module_members(dependency.removeprefix(_PROTO_FOLDER).removesuffix(".proto") + "_pb2")
    file = descriptor_pool.Default().AddSerializedFile(serialized)
    members: dict[str, Any] = {"DESCRIPTOR": file, "_sym_db": symbol_database.Default()}
    builder.BuildMessageAndEnumDescriptors(file, members)
    builder.BuildTopDescriptorsAndMessages(file, f"{PACKAGE}.protos.{module}", members)
    return members


@cache
def all_members() -> dict[str, Any]:
    """Every message class, enum and constant of all the package's proto files, by name."""
    modules = sorted(path.stem for path in proto_folder().glob("*_pb2.py"))
    return {
        name: value
        for module in modules
        for name, value in module_members(module).items()
        if not name.startswith("_") and name != "DESCRIPTOR"
    }


def __getattr__(name: str) -> Any:
    """`protos.Ssd`, `protos.StringIntLabelMap` ...: classes are built at the first use."""
    if not name.startswith("_") and name in all_members():
        return all_members()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
