"""When a detector's DAG runs by itself, and the assets that it and other DAGs wait for.

Airflow tells a DAG either of events that have a partition key or of those that have none. Here the key is the
span: events have one where a detector's paths have {span} in them, and a watched file never does.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from airflow.sdk import (
    Asset,
    AssetOrTimeSchedule,
    AssetWatcher,
    CronPartitionTimetable,
    CronTriggerTimetable,
    PartitionedAssetTimetable,
)

from dags.environment import ROOT
from pipelines.spec import DetectorSpec, SpecError

NEWEST = "newest"  # the partition key of a run that reads the newest span, where every run needs a key
POKE_SECONDS = 5.0


def model_asset(spec: DetectorSpec) -> Asset:
    """The published model: an asset that changes exactly when a version is published."""
    return Asset(f"upcycle_{spec.name}_model")


def data_asset(spec: DetectorSpec) -> Asset | None:
    """The detector's data, an asset whose events start runs; None if nothing but the clock starts them."""
    if not spec.schedule.on_data and spec.schedule.watch is None:
        return None
    return Asset(f"upcycle_{spec.name}_data", watchers=_watchers(spec.schedule.watch))


def timetable(spec: DetectorSpec, path: Path) -> Any:
    """What `schedule` of the DAG is; None: only when triggered. Raises SpecError."""
    schedule, asset = spec.schedule, data_asset(spec)
    events_name_a_span = asset is not None and schedule.on_data and spec.data.uses_span
    if schedule.cron is None:
        return PartitionedAssetTimetable(assets=asset) if events_name_a_span else asset
    problem = _problem(schedule.cron, schedule.timezone)
    if problem is not None:
        raise SpecError(
            f"Airflow can't read the schedule {schedule.cron!r} ({schedule.timezone}): {problem}",
            f"{path}: schedule",
            "cron is five fields, such as '0 3 * * 1'; the time zone is a name such as Europe/Berlin",
        )
    if events_name_a_span:
        return _cron_or_data(schedule.cron, spec, path)
    if schedule.span is not None:
        return CronPartitionTimetable(schedule.cron, timezone=schedule.timezone, key_format=schedule.span)
    cron = CronTriggerTimetable(schedule.cron, timezone=schedule.timezone)
    return cron if asset is None else AssetOrTimeSchedule(timetable=cron, assets=[asset])


def in_words(spec: DetectorSpec) -> str:
    """When it runs, for the DAG's page."""
    schedule = spec.schedule
    when = []
    if schedule.cron is not None:
        span = f", span `{schedule.span}`" if schedule.span else ""
        when.append(f"`{schedule.cron}` ({schedule.timezone}{span})")
    if schedule.on_data:
        when.append(f"at an event of the asset `upcycle_{spec.name}_data`")
    if schedule.watch is not None:
        when.append(f"when `{schedule.watch}` arrives")
    return " and ".join([*when, "when triggered"])


def _watchers(file: str | None) -> list[AssetWatcher]:
    if file is None:
        return []
    from airflow.providers.standard.triggers.file import FileDeleteTrigger

    return [AssetWatcher(name="file", trigger=FileDeleteTrigger(filepath=file, poke_interval=POKE_SECONDS))]


def _cron_or_data(cron: str, spec: DetectorSpec, path: Path) -> Any:
    """Both the clock and events with a span. Airflow has no timetable for that, so this one is a plugin."""
    from airflow.configuration import conf

    plugins = Path(conf.get("core", "plugins_folder"))
    if not (plugins / "timetable_plugin.py").is_file():
        raise SpecError(
            f"Airflow's plugins folder, {plugins}, has no timetable for schedule.cron with schedule.on_data",
            f"{path}: schedule",
            f"set AIRFLOW__CORE__PLUGINS_FOLDER={ROOT / 'dags' / 'plugins'}",
        )
    from airflow.serialization.encoders import ensure_serialized_asset

    from dags.cron_or_data import CronOrDataTimetable

    return CronOrDataTimetable(
        cron,
        timezone=spec.schedule.timezone,
        key_format=spec.schedule.span or NEWEST,
        asset=ensure_serialized_asset(data_asset(spec)),
    )


@cache
def _problem(cron: str, timezone: str) -> str | None:
    """What Airflow finds wrong with an expression, which it says only when it stores all DAGs of the file."""
    from airflow.serialization.encoders import coerce_to_core_timetable

    try:
        coerce_to_core_timetable(CronTriggerTimetable(cron, timezone=timezone)).validate()
    except Exception as error:  # whatever the cron and time zone libraries raise
        return str(error)
    return None
