"""When a detector's DAG runs by itself, and the assets that other DAGs can wait for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import Asset, CronTriggerTimetable

from pipelines.spec import DetectorSpec, SpecError


def model_asset(spec: DetectorSpec) -> Asset:
    """The published model: an asset that changes exactly when a version is published."""
    return Asset(f"upcycle_{spec.name}_model")


def timetable(spec: DetectorSpec, path: Path) -> Any:
    """What `schedule` of the DAG is; None: only when triggered. Raises SpecError."""
    if spec.schedule.cron is None:
        return None
    try:
        found = CronTriggerTimetable(spec.schedule.cron, timezone=spec.schedule.timezone)
        _check(found)
    except Exception as error:  # whatever the cron and time zone libraries raise
        raise SpecError(
            f"Airflow can't read the schedule {spec.schedule.cron!r} ({spec.schedule.timezone}): {error}",
            f"{path}: schedule",
            "cron is five fields, such as '0 3 * * 1'; the time zone is a name such as Europe/Berlin",
        ) from None
    return found


def in_words(spec: DetectorSpec) -> str:
    """When it runs, for the DAG's page."""
    return f"`{spec.schedule.cron}` ({spec.schedule.timezone})" if spec.schedule.cron else "when triggered"


def _check(found: CronTriggerTimetable) -> None:
    """Raises for a bad expression now, not when the DAG is serialised (which would hit the whole file)."""
    from airflow.serialization.encoders import coerce_to_core_timetable

    coerce_to_core_timetable(found).validate()
