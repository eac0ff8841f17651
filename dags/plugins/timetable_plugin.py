"""Airflow's plugin that makes the timetable for clock and data together known to the scheduler."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from dags.cron_or_data import CronOrDataTimetable


class TimetablePlugin(AirflowPlugin):
    """What Airflow registers at its start."""

    name = "upcycle_timetables"
    timetables = [CronOrDataTimetable]
