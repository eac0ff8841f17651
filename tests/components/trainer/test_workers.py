"""What a machine of a training says of another one; test_follow runs two together."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

from components.trainer.cluster import Cluster
from components.trainer.end_request import AskedToEnd
from components.trainer.reasons import pack, reason_of
from components.trainer.workers import Workers, ending_together
from detection.errors import BadInput, Failed, UpcycleError

CHIEF_FIRST = Cluster(("c:3", "a:1", "b:2"), (("chief", 1), ("worker", 2)), 0)
SILENT = """Collective ops is aborted by: Error reported from \
/job:worker/task:1: The following tasks are unhealthy
(stopped sending heartbeats): /job:worker/replica:0/task:1"""

PASSED_ON = """Collective ops is aborted by: Collective ops is aborted by: Socket closed
Additional GRPC error information from remote target /job:worker/replica:0/task:1 while calling RecvBuf
Additional GRPC error information from remote target /job:worker/replica:0/task:0 while calling RecvBuf"""


class Machines(Workers):
    """The first machine, with what the others have told it.

    Attributes:
      said: the errors that it has told the others of.
    """

    def __init__(self, cluster: Cluster, told: dict[str, str]) -> None:
        self.cluster = cluster
        self.said: list[BaseException] = []
        self.strategy = tf.distribute.OneDeviceStrategy("CPU:0")
        self._told = told

    @property
    def replicas_each(self) -> int:
        """One device."""
        return 1

    def hear(self, name: str) -> str:
        """What was told."""
        return self._told[name]

    def tell(self, name: str, text: str) -> None:
        """Keeps it."""
        self._told[name] = text

    def say_why(self, error: BaseException) -> None:
        """Keeps it."""
        self.said.append(error)


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (tf.errors.UnavailableError(None, None, SILENT), "b:2"),
        (tf.errors.InternalError(None, None, SILENT), "b:2"),
        (tf.errors.UnavailableError(None, None, "remote target /job:chief/replica:0/task:0"), "a:1, b:2"),
        (tf.errors.DeadlineExceededError(None, None, "Deadline Exceeded"), "a:1, b:2"),
        (tf.errors.UnavailableError(None, None, PASSED_ON), "b:2"),
    ],
)
def test_the_machine_that_is_gone_is_named(error: tf.errors.OpError, named: str) -> None:
    machines = Machines(CHIEF_FIRST, {})
    with pytest.raises(Failed) as found, ending_together(machines):
        raise error
    assert machines.said == []
    assert found.value.what == f"{named} has ended or can't be reached"
    assert found.value.exit_code == 1 and "goes on from its last checkpoint" in found.value.fix


def test_other_errors_stay_what_they_are() -> None:
    for machines, error in (
        (Machines(CHIEF_FIRST, {}), tf.errors.InvalidArgumentError(None, None, "Incompatible shapes")),
        (None, tf.errors.UnavailableError(None, None, SILENT)),
    ):
        with pytest.raises(type(error)) as found, ending_together(machines):
            raise error
        assert found.value is error and (machines is None or machines.said == [error])


@pytest.mark.parametrize(
    "error",
    [BadInput("the loss is nan", "a.png", "lower it"), Failed("the disk is full", "here", "make room")],
)
def test_whoever_ends_says_why_and_the_others_end_alike(error: UpcycleError) -> None:
    ending = Machines(Cluster(CHIEF_FIRST.addresses, CHIEF_FIRST.jobs, 1), {})
    with pytest.raises(type(error)), ending_together(ending):
        raise error
    assert ending.said == [error]
    told = tf.errors.AbortedError(None, None, f"aborted by: {pack(reason_of(error, 'a:1'))}\nmore")
    first = Machines(CHIEF_FIRST, {})
    with pytest.raises(type(error)) as found, ending_together(first):
        raise told
    assert found.value.what == f"a:1 has ended the training: {error.what}" and first.said == []
    assert found.value.where == f"a:1: {error.where}" and found.value.exit_code == error.exit_code


@pytest.mark.parametrize("rank", [0, 1])
def test_only_the_first_says_that_it_was_asked_to_end_which_all_have_agreed_on(rank: int) -> None:
    machines = Machines(Cluster(CHIEF_FIRST.addresses, CHIEF_FIRST.jobs, rank), {})
    with pytest.raises(AskedToEnd), ending_together(machines):
        raise AskedToEnd("asked to end", "SIGTERM", "retry")
    assert len(machines.said) == (1 if rank == 0 else 0)


def test_machines_with_other_devices_are_refused() -> None:
    same: dict[str, str] = {}
    for rank in (1, 2):
        Machines(Cluster(CHIEF_FIRST.addresses, CHIEF_FIRST.jobs, rank), same)._compare_devices()
    Machines(CHIEF_FIRST, same)._compare_devices()
    for name, value in (("devices", 2), ("kind", "GPU"), ("TensorFlow", "2.0.0")):
        other = same | {"machine/2": json.dumps(json.loads(same["machine/2"]) | {name: value})}
        with pytest.raises(BadInput, match="^b:2 has .* and c:3 1 CPU and TensorFlow") as error:
            Machines(CHIEF_FIRST, other)._compare_devices()
        assert str(value) in error.value.what and "CUDA_VISIBLE_DEVICES" in error.value.fix
