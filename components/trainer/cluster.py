"""The machines that share a training, as the environment variable TF_CONFIG names them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detection.errors import BadInput

VARIABLE = "TF_CONFIG"
_JOBS = ("chief", "worker")  # TensorFlow counts them in this order
_EXAMPLE = '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Cluster:
    """At least two machines, and which of them this one is.

    Attributes:
      addresses: of all machines as host:port; the first one's runs the node and alone writes.
      jobs: how many of them are TensorFlow's job chief and how many worker, in this order.
      rank: the place of this machine in `addresses`.
    """

    addresses: tuple[str, ...]
    jobs: tuple[tuple[str, int], ...]
    rank: int

    @property
    def first(self) -> bool:
        """Whether this is the machine that runs the node."""
        return self.rank == 0

    def address_of(self, job: str, index: int) -> str:
        """Where the machine is that TensorFlow calls `job` number `index`."""
        before = 0 if job == self.jobs[0][0] else self.jobs[0][1]
        return self.addresses[before + index]


def read_cluster(environment: Mapping[str, str]) -> Cluster | None:
    """The machines that TF_CONFIG in `environment` names; None if there is no such variable, or only one.

    Raises:
      BadInput: it describes no training on several machines.
    """
    text = environment.get(VARIABLE, "")
    if not text.strip():
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _wrong(f"it is no JSON: {error}") from error
    addresses = _addresses(config.get("cluster") if isinstance(config, dict) else None)
    everywhere = [address for job in _JOBS for address in addresses.get(job, [])]
    if len(everywhere) == 1:
        return None
    if len(set(everywhere)) < len(everywhere):
        raise _wrong("an address is there twice")
    return Cluster(
        addresses=tuple(everywhere),
        jobs=tuple((job, len(addresses[job])) for job in _JOBS if job in addresses),
        rank=_rank(config.get("task"), addresses),
    )


def _addresses(jobs: Any) -> dict[str, list[str]]:
    if not isinstance(jobs, dict) or not jobs:
        raise _wrong("it names no cluster")
    for job, addresses in jobs.items():
        if job == "ps":
            raise _wrong("parameter servers have no part in a training here: every machine computes")
        if job not in _JOBS:
            raise _wrong(f"'{job}' has no part in a training here: the first machine validates and exports")
        if not (isinstance(addresses, list) and addresses and all(map(_is_address, addresses))):
            raise _wrong(f"{job} is no list of addresses such as a:2222")
    if len(jobs.get("chief", [])) > 1:
        raise _wrong("there are several chiefs")
    return jobs


def _is_address(value: Any) -> bool:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    return bool(host) and port.isdecimal() and 0 < int(port) < 2**16


def _rank(task: Any, addresses: dict[str, list[str]]) -> int:
    job, index = (task.get("type"), task.get("index")) if isinstance(task, dict) else (None, None)
    if job not in addresses:
        raise _wrong(f"task names no job of the cluster ({', '.join(addresses)}): type is {job!r}")
    if type(index) is not int or not 0 <= index < len(addresses[job]):
        raise _wrong(f"task names none of the {len(addresses[job])} machines of {job}: index is {index!r}")
    return index if job == "chief" else index + len(addresses.get("chief", []))


def _wrong(what: str) -> BadInput:
    return BadInput(what, VARIABLE, f"unset it to train on this machine alone, or correct it: {_EXAMPLE}")
