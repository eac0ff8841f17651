"""TCP ports for servers that a test starts, and may start again."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

LOWEST = 10_000
TRIES = 1_000


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """`count` different ports of loopback that nothing listens on.

    They lie below those that the kernel gives to connections: another process's could take the port while
    its server is down.
    """
    kernels = Path("/proc/sys/net/ipv4/ip_local_port_range")
    highest = int(kernels.read_text(encoding="ascii").split()[0]) if kernels.exists() else 32_768
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        for _ in range(TRIES):
            port = random.randrange(LOWEST, highest)
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise AssertionError(f"no {count} free ports in {LOWEST} to {highest} after {TRIES} tries")
