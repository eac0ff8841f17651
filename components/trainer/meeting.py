"""How the machines of a training find each other before TensorFlow is started on them.

TensorFlow itself would wait deaf to signals, for up to an hour. So a machine that follows listens at its
address until the first one, which calls them all, says that everybody is there.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack

from components.trainer.cluster import VARIABLE, Cluster
from detection.errors import BadInput, Failed

WAIT_SECONDS = 600.0  # for machines that are started by hand, one after the other
_LOOK_SECONDS = 5.0
_AGAIN_SECONDS = 0.5
_HERE, _GO = b"follows\n", b"go\n"


def meet(cluster: Cluster) -> None:
    """Returns when all machines of `cluster` are there; a machine that follows waits without end.

    Raises:
      BadInput: this machine's port is in use, or may not be used.
      Failed: this is the first machine, and another one did not come in time.
    """
    with _listen(cluster) as listener:
        if not cluster.first:
            print(f"waiting for {cluster.addresses[0]}", flush=True)
            _wait_for_call(listener)
    if cluster.first:
        print(f"waiting for {', '.join(cluster.addresses[1:])}, {WAIT_SECONDS:.0f} s at most", flush=True)
        _call(cluster.addresses[1:])


def _listen(cluster: Cluster) -> socket.socket:
    port = int(cluster.addresses[cluster.rank].rpartition(":")[2])
    try:
        return socket.create_server(("", port))
    except OSError as error:
        raise BadInput(
            f"port {port} can't be used here: {error.strerror}",
            VARIABLE,
            "end what listens there, such as another training, or name another port on all machines",
        ) from error


def _wait_for_call(listener: socket.socket) -> None:
    while True:
        caller, _ = listener.accept()
        with caller:
            caller.settimeout(2 * WAIT_SECONDS)  # the first one calls the others in this time, or is gone
            try:
                caller.sendall(_HERE)
                if caller.recv(len(_GO)) == _GO:
                    return
            except OSError:
                continue  # it gave up: the next attempt calls again


def _call(addresses: Sequence[str]) -> None:
    ends = time.monotonic() + WAIT_SECONDS
    with ExitStack() as stack:
        lines = [stack.enter_context(_reach(address, ends)) for address in addresses]
        for line, address in zip(lines, addresses, strict=True):
            try:
                line.sendall(_GO)
            except OSError as error:
                raise _missing(address, error) from error


def _reach(address: str, ends: float) -> socket.socket:
    """A connection to the machine that follows at `address`."""
    host, _, port = address.rpartition(":")
    while True:
        try:
            line = socket.create_connection((host, int(port)), timeout=_LOOK_SECONDS)
            if line.recv(len(_HERE)) == _HERE:
                return line
            why: object = "something else listens there"  # such as a training that is about to end
            line.close()
        except OSError as error:
            why = error
        if time.monotonic() > ends:
            raise _missing(address, why)
        time.sleep(_AGAIN_SECONDS)


def _missing(address: str, why: object) -> Failed:
    return Failed(
        f"no machine that follows came to {address} within {WAIT_SECONDS:.0f} s: {why}",
        VARIABLE,
        "start `python -m components.trainer.follow` there, see that it is reached from here, and retry",
    )
