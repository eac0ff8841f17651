"""What a machine of a training says of another one; test_follow runs two together."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

from components.trainer.cluster import Cluster
from components.trainer.workers import Workers, lost_machines_named
from detection.errors import BadInput, Failed

CHIEF_FIRST = Cluster(("c:3", "a:1", "b:2"), (("chief", 1), ("worker", 2)), 0)
SILENT = """Collective ops is aborted by: Error reported from \
/job:worker/task:1: The following tasks are unhealthy
(stopped sending heartbeats): /job:worker/replica:0/task:1"""


class Machines(Workers):
    """The first machine, with what the others have told it."""

    def __init__(self, cluster: Cluster, told: dict[str, str]) -> None:
        self.cluster = cluster
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


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (tf.errors.UnavailableError(None, None, SILENT), "b:2"),
        (tf.errors.InternalError(None, None, SILENT), "b:2"),
        (tf.errors.UnavailableError(None, None, "remote target /job:chief/replica:0/task:0"), "a:1, b:2"),
        (tf.errors.DeadlineExceededError(None, None, "Deadline Exceeded"), "a:1, b:2"),
    ],
)
def test_the_machine_that_is_gone_is_named(error: tf.errors.OpError, named: str) -> None:
    with pytest.raises(Failed) as found, lost_machines_named(Machines(CHIEF_FIRST, {})):
        raise error
    assert found.value.what == f"{named} has ended or can't be reached"
    assert found.value.exit_code == 1 and "goes on from its last checkpoint" in found.value.fix


def test_other_errors_stay_what_they_are() -> None:
    for machines, error in (
        (Machines(CHIEF_FIRST, {}), tf.errors.InvalidArgumentError(None, None, "Incompatible shapes")),
        (None, tf.errors.UnavailableError(None, None, SILENT)),
    ):
        with pytest.raises(type(error)) as found, lost_machines_named(machines):
            raise error
        assert found.value is error


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
