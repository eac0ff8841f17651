"""The sections of a detector's YAML that only Airflow reads: when, how, where, and who is told.

Both environments import this: pydantic alone.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from components.settings import Section

Node = Literal[
    "ExampleGen", "ConfigValidator", "CheckpointConverter", "Trainer", "Evaluator", "Pusher"
]  # fmt: skip
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

    cron: str | None = Field(default=None, description="five fields of cron, for example '0 3 * * 1'")
    timezone: str = Field(default="UTC", description="the time zone of `cron`")
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
        default=None, description="a file whose arrival starts a run; it is removed when it was seen"
    )

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("@") and len(value.split()) != 5:
            raise ValueError("a cron expression has five fields: minute hour day month weekday")
        return value

    @field_validator("span")
    @classmethod
    def _has_a_date(cls, value: str | None) -> str | None:
        if value is not None and "%" not in value:
            raise ValueError("a span by date has a part such as %Y-%m-%d, or every run would read the same")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> ScheduleSpec:
        if self.span is not None and self.cron is None:
            raise ValueError("schedule.span is the span of runs by cron, and schedule.cron is not given")
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


class ContainersSpec(Section):
    """The nodes' containers, with `executor: docker` or `kubernetes`."""

    image: str | None = Field(default=None, description="the ML image; default $UPCYCLE_ML_IMAGE")
    gpus: int | None = Field(
        default=None,
        ge=-1,
        description="GPUs of Trainer and Evaluator, -1 all (docker); default $UPCYCLE_GPUS",
    )
    gpu_resource: str = Field(default="nvidia.com/gpu", description="what Kubernetes calls a GPU")
    cpu: str | None = Field(default=None, description="processors of a node, for example '4'")
    memory: str | None = Field(default=None, description="the most memory of a node, for example 16Gi")
    volumes: list[VolumeSpec] = Field(default_factory=list, description="more folders, such as the data's")
    secrets: list[str] = Field(
        default_factory=list,
        description="names, never values: of Secrets whose keys become variables (kubernetes), or of "
        "Airflow connections' and hosts' environment variables that are passed on (docker)",
    )
    node_selector: dict[str, str] = Field(
        default_factory=dict, description="labels of the Kubernetes nodes that may run it"
    )


Event = Literal["failure", "refused", "quarantine", "silence", "published"]


class AlertsSpec(Section):
    """Who is told when a person should look. Addresses are read when a message is sent, and never stored."""

    to: list[str] = Field(
        default_factory=list,
        description="addresses as apprise writes them, such as mailto://, slack:// or json://; "
        "${VAR} keeps a secret out of the file",
    )
    on: list[Event] = Field(default=["failure", "refused", "quarantine", "silence"], description="of what")
    quarantined: float | None = Field(
        default=None, ge=0, le=1, description="the part of bad data to tell of, below data.max_quarantined"
    )
    silent_days: int | None = Field(
        default=None, ge=1, description="tell when no run has ended well for so many days"
    )

    @model_validator(mode="after")
    def _somebody(self) -> AlertsSpec:
        if not self.to and (self.quarantined is not None or self.silent_days is not None):
            raise ValueError("alerts.to is empty: nobody would be told")
        return self
