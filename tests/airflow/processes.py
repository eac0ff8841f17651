"""The processes that a server under test has started, as the kernel knows them."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process; `group` is its process group."""

    pid: int
    parent: int
    group: int
    command: str


def processes_of(home: str) -> dict[int, Process]:
    """The processes of the server whose UPCYCLE_HOME is `home`: those in that working folder, and its nodes.

    The environment alone does not tell: Airflow writes its process titles over it. Zombies don't count.
    """
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                is_ours = os.readlink(folder / "cwd") == home
                if is_ours or f"UPCYCLE_HOME={home}\0".encode() in (folder / "environ").read_bytes():
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                    state, parent, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
                    if state not in "ZX":
                        pid = int(folder.name)
                        found[pid] = Process(pid, int(parent), int(group), command)
    return found


def left_running(home: str, seconds: float = 30.0) -> dict[int, Process]:
    """What `processes_of` still finds in the end: a signal takes effect a moment after it was sent."""
    deadline = time.monotonic() + seconds
    while (found := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie doesn't)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def listening_on(pids: dict[int, Process]) -> set[str]:
    """The addresses on which these processes accept TCP connections."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and inode in inodes:
                host, port = local.split(":")
                known = {"0100007F": "127.0.0.1", "00000000000000000000000001000000": "::1"}
                addresses.add(f"{known.get(host, host)}:{int(port, 16)}")
    return addresses
