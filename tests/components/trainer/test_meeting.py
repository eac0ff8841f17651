"""The machines of a training find each other, in whatever order they come."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from components.trainer import meeting
from components.trainer.cluster import Cluster
from components.trainer.meeting import meet
from detection.errors import BadInput, Failed
from tests.ports import free_ports


def machines(count: int) -> list[Cluster]:
    """A cluster with free ports, as each of its machines sees it."""
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(count))
    return [Cluster(addresses, (("worker", count),), rank) for rank in range(count)]


@contextmanager
def meeting_of(cluster: Cluster) -> Iterator[threading.Thread]:
    """A machine that comes; it must have met the others at the end."""
    thread = threading.Thread(target=meet, args=(cluster,), daemon=True)
    thread.start()
    yield thread
    thread.join(60)
    assert not thread.is_alive()


def test_those_who_follow_wait_until_all_are_there() -> None:
    first, second, third = machines(3)
    with meeting_of(second) as early, meeting_of(first) as caller:
        time.sleep(0.5)
        assert early.is_alive() and caller.is_alive()  # the third is missing
        with meeting_of(third):
            pass


def connect(address: str) -> socket.socket:
    """A connection, once somebody listens there."""
    host, _, port = address.rpartition(":")
    ends = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection((host, int(port)), timeout=60)
        except ConnectionRefusedError:
            assert time.monotonic() < ends
            time.sleep(0.05)


def test_a_call_that_is_given_up_is_followed_by_another() -> None:
    first, second = machines(2)
    with meeting_of(second) as waiting:
        with connect(second.addresses[1]) as given_up:
            assert given_up.recv(1)
        with meeting_of(first):
            assert waiting.is_alive()


def test_whoever_else_listens_there_is_waited_out() -> None:
    first, second = machines(2)
    port = int(second.addresses[1].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)) as server, meeting_of(first) as caller:
        line, _ = server.accept()
        line.sendall(b"HTTP/1.1")
        line.close()
        server.close()
        assert caller.is_alive()
        with meeting_of(second):
            pass


def test_a_machine_that_does_not_come_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "WAIT_SECONDS", 0.0)
    first, _ = machines(2)
    with pytest.raises(Failed, match=f"came to {first.addresses[1]} within 0 s") as error:
        meet(first)
    assert error.value.exit_code == 1 and "components.trainer.follow" in error.value.fix


@pytest.mark.parametrize("rank", [0, 1])
def test_a_port_that_is_taken_is_refused(rank: int) -> None:
    cluster = machines(2)[rank]
    port = int(cluster.addresses[rank].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)), pytest.raises(BadInput) as error:
        meet(cluster)
    assert error.value.what.startswith(f"port {port} can't be used here") and error.value.exit_code == 78
