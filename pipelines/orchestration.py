"""The sections of a detector's YAML that only Airflow reads: when, how, where, and who is told.

Both environments import this: pydantic alone.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from components.settings import Paths, Section
from pipelines.alert_schemes import unknown_scheme
from pipelines.nodes import Node

_DATE_PARTS = tuple("YymdHMSjaAbBGVuUWwIpf%")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _as_duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d+)([smhd])", value.strip()) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError("a duration is a number and a unit: 90s, 15m, 12h, 2d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _as_text(value: timedelta) -> str:
    return f"{int(value.total_seconds())}s"


Duration = Annotated[timedelta, BeforeValidator(_as_duration), PlainSerializer(_as_text)]


class ScheduleSpec(Section):
    """When Airflow runs it by itself. Without any of these: only when triggered."""

    cron: str | None = Field(
        default=None, description="when it runs by the clock, five fields of cron, for example '0 3 * * 1'"
    )
    timezone: str = Field(default="UTC", description="the time zone of `cron` and `span`")
    span: str | None = Field(
        default=None,
        description="the span of a run by `cron`, from its date, as strftime writes it, for example "
        "'%Y-%m-%d'; without it the newest span",
    )
    on_data: bool = Field(
        default=False,
        description="whether an event of the asset `upcycle_NAME_data`, sent to Airflow's REST API, starts "
        "a run; its partition key is the span",
    )
    watch: str | None = Field(
        default=None,
        min_length=1,
        description="a file whose arrival starts a run of the newest span; it is removed when it was seen",
    )

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("@") and len(value.split()) != 5:
            raise ValueError("a cron expression has five fields: minute hour day month weekday")
        return value

    @field_validator("span")
    @classmethod
    def _is_a_date(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = re.findall(r"%(.?)", value)
        unknown = [part for part in parts if part not in _DATE_PARTS]
        if unknown:
            raise ValueError(f"strftime has no part %{unknown[0]}; the parts are: %{' %'.join(_DATE_PARTS)}")
        if set(parts) <= {"%"}:
            raise ValueError("a span by date has a part such as %Y-%m-%d, or every run would read the same")
        if "/" in value:
            raise ValueError("a span is the name of one folder or file, without /")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> ScheduleSpec:
        if self.span is not None and self.cron is None:
            raise ValueError("schedule.span is the span of runs by cron, and schedule.cron is not given")
        if self.watch is not None and (self.on_data or self.span is not None):
            raise ValueError(
                "a file names no span, so schedule.watch goes with neither schedule.on_data nor schedule.span"
            )
        return self


class TasksSpec(Section):
    """How Airflow runs the nodes: retries, time-outs, priority."""

    retries: int = Field(default=2, ge=0, le=20, description="how often a failed node is tried again")
    retry_delay: Duration = Field(
        default=timedelta(seconds=5), description="the wait before the first retry; it doubles each time"
    )
    max_retry_delay: Duration = Field(default=timedelta(minutes=10), description="the longest wait")
    timeouts: dict[Node, Duration] = Field(
        default_factory=dict, description="the longest that one attempt of a node may take, for example 12h"
    )
    priority: int = Field(
        default=1, ge=1, le=1000, description="who is first at a free slot or GPU: the greater number"
    )

    @model_validator(mode="after")
    def _waits_grow(self) -> TasksSpec:
        if self.max_retry_delay < self.retry_delay:
            longest, first = _as_text(self.max_retry_delay), _as_text(self.retry_delay)
            raise ValueError(f"the longest wait, {longest}, is shorter than the first, {first}")
        return self


_QUANTITY = r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>{units})"
_MEMORY = re.compile(_QUANTITY.format(units="|Ki|Mi|Gi|Ti|k|M|G|T"))
_CPU = re.compile(_QUANTITY.format(units="|m"))
_FACTORS = {"": 1.0, "m": 1e-3}
_FACTORS |= {letter: 1000.0**power for power, letter in enumerate("kMGT", start=1)}
_FACTORS |= {f"{letter}i": 1024.0**power for power, letter in enumerate("KMGT", start=1)}
_OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")  # of a Secret or claim in Kubernetes
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _amount(pattern: re.Pattern[str], text: str) -> float | None:
    """What a quantity as Kubernetes writes it comes to; None if it is none."""
    match = pattern.fullmatch(text)
    return float(match["number"]) * _FACTORS[match["unit"]] if match else None


class VolumeSpec(Section):
    """A folder for the nodes' containers."""

    source: str = Field(description="an absolute folder (docker) or a claim's name (kubernetes)")
    path: str | None = Field(
        default=None, description="where the container sees it; docker: default the same as `source`"
    )
    read_only: bool = Field(default=True, description="whether nodes can't write to it")

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and not PurePosixPath(value).is_absolute():
            raise ValueError("a path in a container is absolute")
        return value

    @property
    def target(self) -> str:
        """Where the container sees it."""
        return self.path or self.source


class ContainersSpec(Section):
    """The nodes' containers, with `executor: docker` or `kubernetes`."""

    image: str | None = Field(
        default=None, min_length=1, description="the ML image; default $UPCYCLE_ML_IMAGE"
    )
    gpus: int | None = Field(
        default=None,
        ge=-1,
        description="GPUs of Trainer and Evaluator, -1 all (docker); default $UPCYCLE_GPUS",
    )
    gpu_resource: str = Field(
        default="nvidia.com/gpu", description="what Kubernetes calls a GPU, and the taint of its nodes"
    )
    cpu: str | None = Field(
        default=None, description="processors that a node is sure of, for example '4' or 500m"
    )
    memory: str | None = Field(default=None, description="the most memory of a node, for example 16Gi")
    volumes: list[VolumeSpec] = Field(default_factory=list, description="more folders, such as the data's")
    secrets: list[str] = Field(
        default_factory=list,
        description="names, never values: of Secrets whose keys become variables (kubernetes), or of "
        "variables with a value in Airflow's environment or secrets back end (docker)",
    )
    node_selector: dict[str, str] = Field(
        default_factory=dict, description="labels of the Kubernetes nodes that may run it"
    )

    @field_validator("cpu")
    @classmethod
    def _is_cpu(cls, value: str | None) -> str | None:
        if value is not None and not _amount(_CPU, value):
            raise ValueError("processors are a number such as '4' or '0.5', or thousandths such as 500m")
        return value

    @field_validator("memory")
    @classmethod
    def _is_memory(cls, value: str | None) -> str | None:
        if value is not None and not _amount(_MEMORY, value):
            raise ValueError("memory is a number of bytes with a unit: 512Mi, 16Gi")
        return value

    @property
    def cpus(self) -> float | None:
        """`cpu` as a number."""
        return None if self.cpu is None else _amount(_CPU, self.cpu)

    @property
    def memory_bytes(self) -> int | None:
        """`memory` in bytes."""
        return None if self.memory is None else int(_amount(_MEMORY, self.memory) or 0)

    def check(self, executor: str) -> None:
        """Raises ValueError for a setting that means nothing to `executor`: none is ignored in silence."""
        given = self._given()
        if executor == "process" and given:
            raise ValueError(
                f"containers.{given[0]} needs executor: docker or kubernetes; process has no containers"
            )
        problem = self._problem_of_docker() if executor == "docker" else self._problem_of_kubernetes()
        if executor != "process" and problem:
            raise ValueError(problem)
        targets = [volume.target for volume in self.volumes]
        twice = next((target for target in targets if targets.count(target) > 1), None)
        if twice:
            raise ValueError(f"containers.volumes has two volumes at {twice}")

    def _given(self) -> list[str]:
        """Names of the settings that aren't the default; a plan's copy of a spec names the others too."""
        default = type(self)()
        return [name for name in type(self).model_fields if getattr(self, name) != getattr(default, name)]

    def _problem_of_docker(self) -> str | None:
        for field in ("gpu_resource", "node_selector"):
            if field in self._given():
                return f"containers.{field} needs executor: kubernetes; docker has no such thing"
        for volume in self.volumes:
            if not PurePosixPath(volume.source).is_absolute():
                return (
                    f"containers.volumes: with docker a source is an absolute folder, got {volume.source!r}"
                )
        for name in self.secrets:
            if not _VARIABLE_NAME.fullmatch(name):
                return f"containers.secrets: with docker it has names of variables, got {name!r}"
        return None

    def _problem_of_kubernetes(self) -> str | None:
        if self.gpus is not None and self.gpus < 0:
            return "containers.gpus: -1 (all) is for executor: docker; Kubernetes wants a number"
        for volume in self.volumes:
            if not _OBJECT_NAME.fullmatch(volume.source):
                return (
                    f"containers.volumes: with kubernetes a source is a claim's name, got {volume.source!r}"
                )
            if volume.path is None:
                return f"containers.volumes: the claim {volume.source!r} needs a path"
        for name in self.secrets:
            if not _OBJECT_NAME.fullmatch(name):
                return f"containers.secrets: with kubernetes it has names of Secrets, got {name!r}"
        return None


_VARIABLE = re.compile(r"\$\{\w+\}")
# A variable can be the whole address or its beginning, so only what follows it is unknown here.
_ADDRESS = re.compile(r"(?:[A-Za-z][\w+.-]*://\S+|\$\{\w+\S*|[^\s@:/$]+@[\w.-]+)")
Event = Literal["failure", "refused", "quarantine", "silence", "published"]


def _storable(addresses: tuple[str, ...]) -> list[str]:
    """Addresses as a plan may keep them: of one that is written out, what is surely no secret."""
    return [
        address
        if _VARIABLE.fullmatch(address) or "://" not in address
        else address.split("://")[0] + "://***"
        for address in addresses
    ]


Addresses = Annotated[Paths, PlainSerializer(_storable)]


class AlertsSpec(Section):
    """Who is told when a person should look. Addresses are read when a message is sent, and never stored."""

    to: Addresses = Field(
        default=(),
        description="an address or a list of them, as apprise writes them, such as slack:// or json://; "
        "e-mail addresses go through $UPCYCLE_SMTP_URL; ${VAR} keeps a secret out of the file",
    )
    on: list[Event] = Field(
        default=["failure", "refused", "quarantine", "silence"],
        description="of what: these, and `published` too (see alerts.md)",
    )
    quarantined: float | None = Field(
        default=None, ge=0, le=1, description="the part of bad data to tell of, below data.max_quarantined"
    )
    silent_days: int | None = Field(
        default=None, ge=1, description="tell when no run has ended well for so many days"
    )

    @model_validator(mode="before")
    @classmethod
    def _yaml_reads_on_as_true(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {"on" if key is True else key: item for key, item in value.items()}
        return value

    @model_validator(mode="after")
    def _somebody(self) -> AlertsSpec:
        # Here and not at the field: an address may be secret, and a field's error shows its value.
        for number, address in enumerate(self.to, 1):
            if not _ADDRESS.fullmatch(address):
                raise ValueError(
                    f"address {number} of alerts.to is neither SCHEME://..., ${{VAR}} nor NAME@HOST "
                    "(docs/alerts.md has examples)"
                )
            if problem := unknown_scheme(address):
                raise ValueError(f"address {number} of alerts.to: {problem}")
        if not self.to and (self.quarantined is not None or self.silent_days is not None):
            raise ValueError("alerts.to is empty: nobody would be told")
        return self
