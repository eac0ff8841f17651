"""The message classes come out of the installed package, quickly and without importing it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool, text_format

from detection.config import protos
from detection.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]


def test_messages_have_the_fields_and_defaults_of_the_schema() -> None:
    assert protos.Ssd.DESCRIPTOR.full_name == "object_detection.protos.Ssd"
    assert protos.TrainConfig().batch_size == 32
    assert protos.SsdFeatureExtractor().num_layers == 6
    assert protos.PostProcessing.ScoreConverter.Value("SIGMOID") == 1
    assert protos.BatchNonMaxSuppression().iou_threshold == pytest.approx(0.6)


def test_a_nested_message_is_of_the_class_that_its_own_module_gives() -> None:
    config = protos.TrainEvalPipelineConfig()
    assert type(config.model.ssd) is protos.Ssd
    assert protos.module_members("ssd_pb2")["Ssd"] is protos.Ssd


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchMessage"):
        _ = protos.NoSuchMessage


def test_a_module_without_descriptor_is_bad_input() -> None:
    with pytest.raises(BadInput, match="nothing_pb2"):
        protos.serialized_descriptor("nothing_pb2")


def test_adding_the_same_files_again_is_harmless() -> None:
    serialized = protos.serialized_descriptor("ssd_pb2")
    assert descriptor_pool.Default().AddSerializedFile(serialized).name == "object_detection/protos/ssd.proto"
    message = text_format.Parse("num_classes: 3", protos.Ssd())
    assert message.num_classes == 3


def test_loading_takes_no_tensorflow_and_little_time() -> None:
    code = (
        "import sys, time; start = time.perf_counter()\n"
        "from detection.config import protos; protos.TrainEvalPipelineConfig()\n"
        "took = time.perf_counter() - start\n"
        "heavy = [m for m in ('tensorflow', 'keras', 'object_detection', 'tfx') if m in sys.modules]\n"
        "print(took, heavy)"
    )
    runs = [subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True) for _ in range(3)]
    times = [float(run.split()[0]) for run in runs]
    assert all(run.split()[1] == "[]" for run in runs)
    assert min(times) < 0.3
