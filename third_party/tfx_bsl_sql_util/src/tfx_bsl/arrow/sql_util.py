"""Stands in for a module that tfx-bsl dropped with ZetaSQL, so that TFDV 1.16.1 imports."""


class RecordBatchSQLSliceQuery:
    """Raises on use: slicing by SQL needs ZetaSQL, which this tfx-bsl is built without."""

    def __init__(self, sql: str, schema: object) -> None:
        raise RuntimeError("slicing statistics by SQL is not available with tfx-bsl >= 1.17")
