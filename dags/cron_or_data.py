"""The timetable of a detector that runs by the clock and when its data's asset has a new span.

Airflow's own AssetOrTimeSchedule hears no events that have a partition key, and PartitionedAssetTimetable has
no clock. This class is known to Airflow by plugins/timetable_plugin.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pendulum
from airflow.exceptions import InvalidPartitionKeyError
from airflow.partition_mappers.identity import IdentityMapper
from airflow.serialization.decoders import decode_asset_like
from airflow.serialization.definitions.assets import SerializedAssetBase
from airflow.serialization.encoders import encode_asset_like
from airflow.timetables.base import PartitionMapperInfo
from airflow.timetables.trigger import CronPartitionTimetable


class CronOrDataTimetable(CronPartitionTimetable):
    """Runs whose partition key is the span: by cron the date as `key_format`, else the event's own key."""

    def __init__(self, cron: str, *, timezone: Any, key_format: str, asset: SerializedAssetBase) -> None:
        super().__init__(cron, timezone=timezone, key_format=key_format)
        self.asset_condition = asset
        self.description: str = f"{self.description}, or when data arrive"

    @property
    def summary(self) -> str:
        """For the list of DAGs."""
        return f"{super().summary} or data"

    @property
    def partition_mapper_info(self) -> list[PartitionMapperInfo]:
        """For the page that shows which events a DAG waits for."""
        return [
            PartitionMapperInfo(name=key.name, uri=key.uri, is_rollup=False)
            for key, _ in self.asset_condition.iter_assets()
        ]

    def get_partition_mapper(self, *, name: str = "", uri: str = "") -> IdentityMapper:
        """An event's key is the run's."""
        return IdentityMapper()

    def serialize(self) -> dict[str, Any]:
        """For the database."""
        return super().serialize() | {"asset": encode_asset_like(self.asset_condition)}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> CronOrDataTimetable:
        """From the database."""
        return cls(
            data["expression"],
            timezone=pendulum.timezone(data["timezone"]),
            key_format=data["key_format"],
            asset=decode_asset_like(data["asset"]),
        )

    def _decode_partition_date(self, partition_key: str) -> datetime | None:
        """The date in a key of this timetable's own; an event's key needn't have one."""
        try:
            return super()._decode_partition_date(partition_key)
        except InvalidPartitionKeyError:
            return None
