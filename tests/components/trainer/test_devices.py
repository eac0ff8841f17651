"""Which devices a training takes, and that it says so where it can't have them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from components.trainer.devices import (
    Devices,
    asked_for_gpu,
    choose_gpus,
    describe,
    select_devices,
)
from components.trainer.options import TrainOptions
from detection.errors import BadInput

REPOSITORY = Path(__file__).parents[3]
TWO = [tf.config.PhysicalDevice(f"/physical_device:GPU:{index}", "GPU") for index in range(2)]
SIGN = "there is /dev/nvidia0"


@pytest.mark.parametrize(
    ("options", "found", "sign", "taken"),
    [
        ({}, TWO, SIGN, TWO),
        ({"gpus": 1}, TWO, SIGN, TWO[:1]),
        ({"device": "gpu"}, TWO, None, TWO),
        ({"device": "cpu"}, TWO, SIGN, []),
        ({"device": "cpu"}, [], SIGN, []),
        ({}, [], None, []),
    ],
)
def test_takes_what_is_asked_for_and_there(options: dict, found: list, sign: str | None, taken: list) -> None:
    assert choose_gpus(TrainOptions(**options), found, sign) == taken


@pytest.mark.parametrize(
    ("options", "found", "sign", "what", "where"),
    [
        ({}, [], SIGN, "TensorFlow finds no GPU: there is /dev/nvidia0", "train.device"),
        ({"device": "gpu"}, [], None, "TensorFlow finds no GPU", "train.device"),
        ({"gpus": 1}, [], None, "TensorFlow finds no GPU", "train.device"),
        ({"gpus": 3}, TWO, SIGN, "3 GPUs are asked for, and TensorFlow finds 2", "train.gpus"),
        ({"device": "cpu", "gpus": 1}, TWO, None, "1 GPUs are asked for, and none", "train.gpus"),
    ],
)
def test_no_silent_run_on_less(options: dict, found: list, sign: str | None, what: str, where: str) -> None:
    with pytest.raises(BadInput) as error:
        choose_gpus(TrainOptions(**options), found, sign)
    assert (error.value.what, error.value.where) == (what, where)
    if not found:
        for word in ("upcycle[cuda]", "nvidia-smi", "CUDA_VISIBLE_DEVICES", "train.device to cpu"):
            assert word in error.value.fix


def test_what_shows_that_there_should_be_a_gpu(tmp_path: Path) -> None:
    assert asked_for_gpu({}, tmp_path) is None
    assert asked_for_gpu({"NVIDIA_VISIBLE_DEVICES": "void"}, tmp_path) is None
    assert asked_for_gpu({"NVIDIA_VISIBLE_DEVICES": "all"}, tmp_path) == "NVIDIA_VISIBLE_DEVICES is all"
    assert asked_for_gpu({"CUDA_VISIBLE_DEVICES": "1"}, tmp_path) == "CUDA_VISIBLE_DEVICES is 1"
    (tmp_path / "proc/driver/nvidia/gpus").mkdir(parents=True)
    assert asked_for_gpu({}, tmp_path) == f"there is {tmp_path / 'proc/driver/nvidia/gpus'}"
    for hidden in ("", "-1"):
        assert asked_for_gpu({"CUDA_VISIBLE_DEVICES": hidden}, tmp_path) is None


def test_a_processor_is_one_replica_that_is_not_compiled_by_itself() -> None:
    devices = select_devices(TrainOptions(device="cpu"))
    assert (devices.description, devices.replicas, devices.capabilities) == ("CPU", 1, ())


def cluster_of_two(index: int) -> str:
    """TF_CONFIG of one of two machines."""
    cluster = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}
    return json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})


def test_a_run_is_the_first_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", cluster_of_two(1))
    with pytest.raises(BadInput, match="the first one runs the training") as error:
        select_devices(TrainOptions(device="cpu"))
    assert "127.0.0.1:1" in error.value.fix and "components.trainer.follow" in error.value.fix


@pytest.mark.parametrize("config", [None, cluster_of_two(0), '{"cluster": {"worker": ["here:1"]}}'])
def test_only_another_machine_follows(monkeypatch: pytest.MonkeyPatch, config: str | None) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(BadInput, match="does not say that this machine follows another one"):
        select_devices(TrainOptions(), follows=True)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"lr_search": {}}, "train.lr_search"),
        ({"sweep": {"learning_rate": [0.1]}}, "train.sweep"),
        ({"halve_batch": True}, "train.halve_batch"),
        ({"jit_compile": True}, "train.jit_compile"),
    ],
)
def test_what_several_machines_cannot_do_is_refused_before_they_meet(
    monkeypatch: pytest.MonkeyPatch, options: dict, where: str
) -> None:
    monkeypatch.setenv("TF_CONFIG", cluster_of_two(0))
    with pytest.raises(BadInput) as error:
        select_devices(TrainOptions(device="cpu", **options))
    assert error.value.where == where


class Model:
    """What Devices asks of a detector."""

    def __init__(self, supports_jit: bool) -> None:
        self.supports_jit = supports_jit


@pytest.mark.parametrize(
    ("wanted", "capabilities", "supports", "steps", "compiled"),
    [
        (None, (), True, 10**6, False),
        (None, ((9, 0),), True, 10**6, True),
        (None, ((9, 0),), True, 1000, False),
        (None, ((9, 0),), False, 10**6, False),
        (False, ((9, 0),), True, 10**6, False),
        (True, ((9, 0),), True, 10, True),
        (True, (), True, 10, True),
    ],
)
def test_xla_compiles_ssd_where_a_gpu_wins_back_the_time_or_where_asked(
    wanted: bool | None, capabilities: tuple, supports: bool, steps: int | None, compiled: bool
) -> None:
    devices = Devices(tf.distribute.get_strategy(), "", wanted, capabilities)
    assert devices.compiles(Model(supports), steps) is compiled


def test_a_deterministic_step_is_not_compiled() -> None:
    assert select_devices(TrainOptions(device="cpu", deterministic=True)).jit_compile is False
    with pytest.raises(BadInput, match="Keras compiles no step with XLA") as error:
        select_devices(TrainOptions(device="cpu", deterministic=True, jit_compile=True))
    assert error.value.where == "train.jit_compile"


def test_gpus_are_named() -> None:
    card = {"device_name": "NVIDIA T4", "compute_capability": (7, 5)}
    assert describe([card]) == "1 GPU (NVIDIA T4)"
    assert describe([card, {"device_name": "NVIDIA A100"}]) == "2 GPUs (NVIDIA A100, NVIDIA T4)"


def test_a_machine_that_should_have_a_gpu_fails_before_anything_else() -> None:
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    program = (
        "from components.trainer.devices import select_devices\n"
        "from components.trainer.options import TrainOptions\n"
        "from detection.errors import BadInput\n"
        "try:\n"
        "    select_devices(TrainOptions())\n"
        "except BadInput as error:\n"
        "    print(error)\n"
    )
    environment = {"CUDA_VISIBLE_DEVICES": "0", "PATH": "/usr/bin:/bin"}
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "TensorFlow finds no GPU: CUDA_VISIBLE_DEVICES is 0" in found.stdout, found.stderr
