"""No rule crashes or takes long over a value that nobody would write, in any field of a config."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from google.protobuf.descriptor import FieldDescriptor

from components.config_validator.rules import RULES
from components.config_validator.subject import Subject
from detection.config.pipeline_config import parse_pipeline_config
from tests.components.config_validator.facts import checkpoint, data
from tests.parity.od_api_configs import CONFIGS

_INTEGERS = (0, -1, 2**31 - 1, -(2**31))
_NUMBERS = (0.0, -1.0, float("nan"), float("inf"))
VALUES = {
    FieldDescriptor.CPPTYPE_INT32: _INTEGERS,
    FieldDescriptor.CPPTYPE_INT64: _INTEGERS,
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_FLOAT: _NUMBERS,
    FieldDescriptor.CPPTYPE_DOUBLE: _NUMBERS,
    FieldDescriptor.CPPTYPE_BOOL: (True, False),
    FieldDescriptor.CPPTYPE_STRING: ("", "x" * 10_000),
}
BOXES = np.random.default_rng(0).uniform(0.2, 0.8, (30, 2))
DATA = data(
    {"a": 30},
    boxes_by_id={3: 4},
    box_sizes=((0.05, 0.1),) * len(BOXES),
    box_centers=tuple(map(tuple, BOXES.tolist())),
    image_sizes=((640, 480), (10, 3000)),
)
CHECKPOINT = checkpoint({"FeatureExtractor/MobilenetV1/Conv2d_0/weights": (3, 3, 3, 8)}, num_classes=3)


def changed(config: Any) -> Iterator[str]:
    """Gives each field of the model, in its turn, each extreme value; yields what was changed to what."""
    for message, field in fields(config.model):
        before = type(config.model)()
        before.CopyFrom(config.model)
        for value in VALUES.get(field.cpp_type, ()):
            if field.is_repeated:
                del getattr(message, field.name)[:]
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
            yield f"{field.full_name}: {str(value)[:20]}"
        if field.is_repeated:
            del getattr(message, field.name)[:]
            yield f"{field.full_name} removed"
        # in place, so that the messages found above remain part of the config
        restore(config.model, before)


def fields(message: Any) -> list[tuple[Any, FieldDescriptor]]:
    """Every scalar field of a message and of the messages that it holds, set or not."""
    found = []
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None and field.containing_oneof is None:
            found.append((message, field))
        elif field.message_type and not field.is_repeated and message.HasField(field.name):
            found += fields(getattr(message, field.name))
    return found


def restore(message: Any, before: Any) -> None:
    """Gives the scalar fields of `message` the values of `before`, a message of the same shape."""
    for (target, field), (source, _) in zip(fields(message), fields(before), strict=True):
        if field.is_repeated:
            del getattr(target, field.name)[:]
            getattr(target, field.name).extend(getattr(source, field.name))
        elif source.HasField(field.name):
            setattr(target, field.name, getattr(source, field.name))
        else:
            target.ClearField(field.name)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["ssd_mobilenet_v1", "ssd_mobilenet_v2_fpn", "faster_rcnn_resnet50"])
def test_every_field(name: str) -> None:
    config = parse_pipeline_config(CONFIGS[name] + "train_config { batch_size: 1 }", name)
    original = config.SerializeToString()
    count = 0
    for change in changed(config):
        subject = Subject(config, data=DATA, checkpoint=CHECKPOINT, is_final=True)
        for rule in RULES:
            started = time.process_time()
            for problem in rule.check(subject):
                assert problem.severity in rule.severities, change
                assert rule.safe or not problem.changes, change
            assert time.process_time() - started < 2, (rule.code, change)
        count += 1
    assert count > 150
    assert config.SerializeToString() == original
