"""What the machines of one training do together: meet, begin alike, agree after each step, part.

TensorFlow's coordination service, which the first machine serves, carries the messages, and notices within
half a minute that a machine is gone; every operation over machines then fails on all of them. A machine that
ends for a reason of its own tells it to the others through the same service, and they fail at once.
"""

from __future__ import annotations

import faulthandler
import json
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import keras
import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.python.eager import context  # MultiWorkerMirroredStrategy is set up through it alone

from components.trainer.cluster import VARIABLE, Cluster
from components.trainer.end_request import AskedToEnd
from components.trainer.meeting import meet
from components.trainer.reasons import as_error, pack, reason_of, unpack
from detection.errors import BadInput, Failed

_JOIN_SECONDS = 180  # from the moment when all are there
_GONE_SECONDS = 30  # without a sign of life; TensorFlow's 10 are few for a machine under load
_HEAR_SECONDS = 60
_GONE_TEXT = re.compile(
    r"Collective ops is aborted|CoordinationService|Socket closed|heartbeat|Connection re"
)
_GONE_ERRORS = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)
_TASK = re.compile(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)")
_ENDED = "training/ended"


class Workers:
    """The machines of `cluster`, met; make it before TensorFlow computes anything.

    Raises:
      BadInput: this machine's port is in use, or the machines have not the same devices.
      Failed: a machine did not come in time.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        meet(cluster)
        _configure(cluster)
        with _joining():
            self.strategy = tf.distribute.MultiWorkerMirroredStrategy()
        with ending_together(self):
            self._compare_devices()
        self._agree = tf.function(
            self._summed, input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False
        )

    @property
    def replicas_each(self) -> int:
        """How many devices each machine computes on."""
        return self.strategy.num_replicas_in_sync // len(self.cluster.addresses)

    def tell(self, name: str, text: str) -> None:
        """Leaves `text` under `name` for all machines, once."""
        context.context().set_config_key_value(name, text)

    def hear(self, name: str) -> str:
        """The text that a machine has left under `name`, or leaves at any moment.

        Raises:
          tf.errors.OpError: it does not, or a machine is gone.
        """
        return context.context().get_config_key_value(name, _HEAR_SECONDS * 1000)

    def say_why(self, error: BaseException) -> None:
        """Ends what the other machines do with this one, which `error` ends, and tells them the reason."""
        address = self.cluster.addresses[self.cluster.rank]
        with suppress(tf.errors.OpError):  # it is no longer among them
            context.context().report_error_to_cluster(tf.errors.ABORTED, pack(reason_of(error, address)))

    def wait_for_all(self) -> None:
        """Until all machines have called this; the only wait that may be long and ends if one is gone."""
        self.agree(False)

    def begin_alike(self, variables: Sequence[keras.Variable]) -> None:
        """Gives `variables` on every machine the values that they have on the first."""
        whole = [variable for variable in variables if not tf.as_dtype(variable.dtype).is_floating]
        fractional = [variable for variable in variables if tf.as_dtype(variable.dtype).is_floating]
        for alike, dtype in ((fractional, tf.float32), (whole, tf.float64)):  # one type at a time
            if alike:
                self._take_from_first(alike, dtype)

    def _take_from_first(self, variables: Sequence[keras.Variable], dtype: tf.DType) -> None:
        def first_ones() -> list[tf.Tensor]:
            replica = tf.distribute.get_replica_context()
            taken = tf.equal(replica.replica_id_in_sync_group, 0)
            values = [tf.cast(variable.value, dtype) for variable in variables]
            own = [tf.where(taken, value, tf.zeros_like(value)) for value in values]
            return replica.all_reduce(tf.distribute.ReduceOp.SUM, own)

        sums = tf.function(lambda: self.strategy.run(first_ones), autograph=False)()
        for variable, value in zip(variables, sums, strict=True):
            variable.assign(tf.cast(self.strategy.experimental_local_results(value)[0], variable.dtype))

    def agree(self, *wishes: bool) -> tuple[bool, ...]:
        """For each wish, whether any machine has it; all must call this at the same point, with as many."""
        sums = self._agree(tf.constant(wishes, tf.int32))
        return tuple(bool(count > 0) for count in sums.numpy())

    def part(self) -> None:
        """At the very end, once the first machine has written all; it leaves last."""
        try:
            self.wait_for_all()
            if not self.cluster.first:
                self.tell(f"{_ENDED}/{self.cluster.rank}", "")
                return
            for rank in range(1, len(self.cluster.addresses)):
                self.hear(f"{_ENDED}/{rank}")
        except tf.errors.OpError:
            if not self.cluster.first:
                raise  # else all is done, and a machine that is gone already had no part in it

    def _summed(self, wishes: tf.Tensor) -> tf.Tensor:
        def add() -> tf.Tensor:
            # a tensor of the replica's own, since the operation follows its device
            own = tf.identity(wishes)
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, own)

        return self.strategy.experimental_local_results(self.strategy.run(add))[0]

    def _compare_devices(self) -> None:
        """Before the first variable: TensorFlow takes for granted what is checked here."""
        kind = self.strategy.extended.worker_devices[0].rpartition("device:")[2].partition(":")[0]
        own = {"devices": self.replicas_each, "kind": kind, "TensorFlow": tf.__version__}
        if not self.cluster.first:
            self.tell(f"machine/{self.cluster.rank}", json.dumps(own))
            return
        for rank, address in enumerate(self.cluster.addresses[1:], start=1):
            found = json.loads(self.hear(f"machine/{rank}"))
            if found != own:
                raise BadInput(
                    f"{address} has {_said(found)}, and {self.cluster.addresses[0]} {_said(own)}",
                    VARIABLE,
                    "let all machines have the same; CUDA_VISIBLE_DEVICES decides which GPUs are seen",
                )


@contextmanager
def ending_together(workers: Workers | None) -> Iterator[None]:
    """Tells all machines of `workers` why this one ends, and says why another one did.

    Raises:
      BadInput, Failed: another machine has ended, or can't be reached; with the exit code that it has ended
        with, if it said why.
    """
    try:
        yield
    except AskedToEnd as error:
        if workers and workers.cluster.first:  # which has saved; the others have agreed, and let it save
            workers.say_why(error)
        raise
    except tf.errors.OpError as error:
        text = str(error)
        if workers is None:
            raise
        reason = unpack(text)
        if reason:
            raise as_error(reason) from error
        if isinstance(error, _GONE_ERRORS) or _GONE_TEXT.search(text):
            raise Failed(
                f"{_who(workers.cluster, text)} has ended or can't be reached",
                VARIABLE,
                "its log says why; start all machines again: the training goes on from its last checkpoint",
            ) from error
        workers.say_why(error)
        raise
    except BaseException as error:
        if workers:
            workers.say_why(error)
        raise


def _who(cluster: Cluster, text: str) -> str:
    others = set(cluster.addresses) - {cluster.addresses[cluster.rank]}
    # machines after the first "remote target" have only passed the error on
    innermost = "".join(text.split("remote target", 2)[:2])
    named = {cluster.address_of(job, int(index)) for job, index in _TASK.findall(innermost)} & others
    return ", ".join(sorted(named or others))


def _said(devices: dict[str, int | str]) -> str:
    return f"{devices['devices']} {devices['kind']} and TensorFlow {devices['TensorFlow']}"


def _configure(cluster: Cluster) -> None:
    """As MultiWorkerMirroredStrategy does it where nobody has, with times of our own."""
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{cluster.jobs[0][0]}/replica:0/task:0",
        cluster_register_timeout_in_ms=(_JOIN_SECONDS - _GONE_SECONDS) * 1000,
        heartbeat_timeout_in_ms=_GONE_SECONDS * 1000,
        coordinated_jobs=[
            coordination_config_pb2.CoordinatedJob(name=job, num_tasks=count) for job, count in cluster.jobs
        ],
    )


@contextmanager
def _joining() -> Iterator[None]:
    """Within it TensorFlow waits for machines that were there a moment ago, and no signal gets through.

    Should one never come, the process ends with exit code 1. SIGTERM, which TensorFlow takes for itself, is
    given back at the end.
    """
    main = threading.current_thread() is threading.main_thread()  # Python sets handlers there only
    handler = signal.getsignal(signal.SIGTERM)
    faulthandler.dump_traceback_later(_JOIN_SECONDS, exit=True)
    try:
        yield
    except tf.errors.OpError as error:
        raise Failed(
            f"the machines don't come together: {error.message.splitlines()[0]}",
            VARIABLE,
            "see that all of them reach each other at their addresses, and start all again",
        ) from error
    finally:
        faulthandler.cancel_dump_traceback_later()
        if main:
            signal.signal(signal.SIGTERM, handler)
