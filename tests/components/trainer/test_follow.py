"""Two machines, which are two processes here, train as one does; also when one of them dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import pytest

from components.trainer.follow import Invitation, invite, main
from components.trainer.options import TrainOptions
from components.trainer.share import Share
from components.trainer.workers import Workers
from tests.ports import free_ports

if TYPE_CHECKING:
    from conftest import Training

REPOSITORY = Path(__file__).parents[3]
OPTIONS = TrainOptions(steps=4, checkpoint_every_steps=1)
LONG = 500.0  # for a machine with much else to do

Weights = dict[str, np.ndarray]


@dataclass
class Machine:
    """A process and what it has printed so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()

    def _read(self, stdout: IO[str]) -> None:
        for line in stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, text: str) -> None:
        """Until it has printed `text`."""
        ends = time.monotonic() + LONG
        while not any(text in line for line in self.lines):
            assert self.process.poll() is None and time.monotonic() < ends, self.text
            time.sleep(0.05)

    def go_on(self) -> None:
        """Ends its pause."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Its exit code."""
        code = self.process.wait(LONG)
        self._reader.join()
        return code

    @property
    def text(self) -> str:
        """All that it printed."""
        return "\n".join(self.lines)


@contextmanager
def machine(addresses: list[str], rank: int, *command: str) -> Iterator[Machine]:
    """The process of `command` as the machine number `rank`; it does not outlive the test."""
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}
    environment = os.environ | {
        "TF_CONFIG": json.dumps(config),
        "CUDA_VISIBLE_DEVICES": "",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    process = subprocess.Popen(
        [sys.executable, "-u", *command],
        cwd=REPOSITORY,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    started = Machine(process)
    try:
        yield started
    finally:
        process.kill()
        started.end()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


@contextmanager
def several_machines(
    count: int, root: Path, out: Path, options: TrainOptions = OPTIONS, pause_at: int = 0
) -> Iterator[list[Machine]]:
    """The first machine and those that follow it, with free ports."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    arguments = [str(root), str(out), options.model_dump_json(), str(pause_at)]
    with ExitStack() as running:
        first = machine(addresses, 0, "-m", "tests.components.trainer.first_machine", *arguments)
        others = (machine(addresses, rank, "-m", "components.trainer.follow") for rank in range(1, count))
        yield [running.enter_context(one) for one in (first, *others)]


@contextmanager
def two_machines(
    root: Path, out: Path, options: TrainOptions = OPTIONS, pause_at: int = 0
) -> Iterator[tuple[Machine, Machine]]:
    """The first machine and the one that follows it."""
    with several_machines(2, root, out, options, pause_at) as (first, other):
        yield first, other


def assert_equal_trainings(
    alone: Path,
    shared: Path,
    weights_of: Callable[[Path], Weights],
    resumed_from: int | None,
    machines: int = 2,
) -> None:
    """That what both wrote is the same: losses, metrics and weights."""
    one, two = (json.loads((out / "training.json").read_text()) for out in (alone, shared))
    assert (two["steps"], two["resumed_from"], two["device"]) == (
        4,
        resumed_from,
        f"CPU on each of {machines} machines",
    )
    assert len(two["history"]) == len(one["history"]) == 4
    for row, wanted in zip(two["history"], one["history"], strict=True):
        assert row == {name: pytest.approx(value, rel=1e-5) for name, value in wanted.items()}
    wanted_weights = weights_of(alone)
    for name, value in weights_of(shared).items():
        np.testing.assert_allclose(value, wanted_weights[name], rtol=1e-5, atol=1e-5, err_msg=name)


def written_by(out: Path) -> set[str]:
    """Names of what a training left, without those of TensorBoard's events, which have times in them."""
    return {str(path.relative_to(out)) for path in out.rglob("*") if "logs" not in path.parts}


@pytest.mark.slow
@pytest.mark.timeout(1800)  # three trainings at once
def test_two_machines_train_as_one_and_only_the_first_writes(
    training: Training, tmp_path: Path, weights_of: Callable[[Path], Weights]
) -> None:
    options = OPTIONS.model_copy(update={"eval_every_steps": 4})
    with two_machines(training.root, tmp_path / "two", options) as (first, other):
        training.run(tmp_path / "one", options)
        assert (first.end(), other.end()) == (0, 0), first.text + other.text
    assert "following 127.0.0.1:" in other.text and other.lines[-1] == "done"
    assert_equal_trainings(tmp_path / "one", tmp_path / "two", weights_of, None)
    assert written_by(tmp_path / "two") == written_by(tmp_path / "one")
    assert len(list((tmp_path / "two" / "logs").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sigterm_on_one_machine_saves_and_ends_both(training: Training, tmp_path: Path) -> None:
    with two_machines(training.root, tmp_path / "two", pause_at=1) as (first, other):
        first.wait_for("paused")
        other.process.send_signal(signal.SIGTERM)
        first.go_on()
        assert (first.end(), other.end()) == (1, 1), first.text + other.text
    assert "the training was asked to end and saved step 2 of 4" in first.text
    assert "the training was asked to end" in other.text
    assert (tmp_path / "two" / "work" / "checkpoints" / "step-2.index").exists()


@pytest.mark.slow
@pytest.mark.timeout(1800)  # two trainings, one after the other
def test_a_machine_that_is_killed_ends_the_first_and_a_rerun_resumes(
    training: Training, tmp_path: Path, weights_of: Callable[[Path], Weights]
) -> None:
    out = tmp_path / "two"
    with two_machines(training.root, out, pause_at=1) as (first, other):
        first.wait_for("paused")
        other.process.kill()
        killed = time.monotonic()
        first.go_on()
        assert first.end() == 1, first.text
        assert time.monotonic() - killed < 120
    gone = next(line for line in first.lines if line.startswith("error:"))
    assert gone.startswith("error: 127.0.0.1:") and gone.endswith("has ended or can't be reached")

    with two_machines(training.root, out) as (first, other):
        training.run(tmp_path / "one", OPTIONS)
        assert (first.end(), other.end()) == (0, 0), first.text + other.text
    assert "resuming at step 1/4" in first.text
    assert_equal_trainings(tmp_path / "one", out, weights_of, resumed_from=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_first_machine_that_falls_silent_ends_the_other(training: Training, tmp_path: Path) -> None:
    with two_machines(training.root, tmp_path / "two", pause_at=1) as (first, other):
        first.wait_for("paused")
        first.process.send_signal(signal.SIGSTOP)  # no connection is closed, as when a cable is pulled
        stopped = time.monotonic()
        assert other.end() == 1, other.text
        assert time.monotonic() - stopped < 120
    gone = next(line for line in other.lines if line.startswith("error:"))
    assert gone.startswith("error: 127.0.0.1:") and gone.endswith("has ended or can't be reached")


@pytest.mark.slow
@pytest.mark.timeout(1800)  # of three machines each, one training after the other
def test_a_first_machine_that_is_killed_ends_the_others_and_a_rerun_resumes(
    training: Training, tmp_path: Path, weights_of: Callable[[Path], Weights]
) -> None:
    out, options = tmp_path / "three", OPTIONS.model_copy(update={"batch_size": 6})
    with several_machines(3, training.root, out, options, pause_at=2) as (first, *others):
        first.wait_for("paused")
        first.process.kill()
        killed = time.monotonic()
        assert [other.end() for other in others] == [1, 1], "".join(other.text for other in others)
        assert time.monotonic() - killed < 120
    for other in others:
        [gone] = [line for line in other.lines if line.startswith("error:")]
        [waited] = [line for line in other.lines if line.startswith("waiting for ")]
        assert gone == f"error: {waited.removeprefix('waiting for ')} has ended or can't be reached"

    with several_machines(3, training.root, out, options) as (first, *others):
        training.run(tmp_path / "one", options)
        assert [one.end() for one in (first, *others)] == [0, 0, 0], first.text
    assert "resuming at step 2/4" in first.text
    assert_equal_trainings(tmp_path / "one", out, weights_of, resumed_from=2, machines=3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_loss_that_is_no_number_ends_all_with_the_reason(training: Training, tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"learning_rate": 1e20})
    with two_machines(training.root, tmp_path / "two", options) as (first, other):
        assert (first.end(), other.end()) == (78, 78), first.text + other.text
    [error] = [line.removeprefix("error: ") for line in first.lines if line.startswith("error:")]
    assert error.startswith("the gradient norm is nan at step 2, first in layer FeatureExtractor/")
    assert any(line.endswith(f" has ended the training: {error}") for line in other.lines), other.text
    assert (tmp_path / "two" / "work" / "non_finite.json").exists()


def test_a_machine_that_cannot_follow_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "evaluator"}}')
    assert main([]) == 78
    said = capsys.readouterr().err
    assert said.startswith("error: task names no job of the cluster (worker): type is 'evaluator'")
    assert "where: TF_CONFIG" in said and "Traceback" not in said


class Notes(Workers):
    """Keeps what is told to the machines that follow."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}

    def tell(self, name: str, text: str) -> None:
        """Keeps it."""
        self.told[name] = text

    def wait_for_all(self) -> None:
        """There is nobody else."""


def test_an_invitation_has_all_but_where_to_write(training: Training, tmp_path: Path) -> None:
    job = training.job(tmp_path / "out", OPTIONS)
    notes = Notes()
    invite(notes, job)
    [text] = notes.told.values()
    assert str(tmp_path / "out") not in text
    told = Invitation.model_validate_json(text)
    assert (told.options, told.identity) == (OPTIONS, job.identity())
    assert (told.paths.converted, told.paths.train_files) == (job.paths.converted, job.paths.train_files)


def test_the_shares_of_all_machines_are_the_whole_batches() -> None:
    import tensorflow as tf

    records = tf.data.Dataset.range(100, 136).enumerate(start=24)
    for machines, replicas in ((2, 1), (3, 2)):
        shares = [Share(index, machines, replicas) for index in range(machines)]
        parts = [[int(value) for _, value in share.select(records, 12)] for share in shares]
        size = 12 // machines
        batches = [
            sum((part[start : start + size] for part in parts), []) for start in range(0, 3 * size, size)
        ]
        assert batches == [list(range(100 + start, 112 + start)) for start in (0, 12, 24)]
        assert {share.size(12) for share in shares} == {size // replicas}
