"""Airflow's plugin: makes the `Report` link known and serves the page that it opens."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse

from dags.environment import upcycle_home
from dags.links import PREFIX, REPORT_FILE, ReportLink

app = FastAPI(title="Upcycle's reports", openapi_url=None)


@app.get("/reports/{path:path}")
def report(path: str) -> FileResponse:
    """A report under UPCYCLE_HOME, and no other file."""
    home = upcycle_home().resolve()
    file = (home / path).resolve()
    if file.name != REPORT_FILE or not file.is_relative_to(home) or not file.is_file():
        raise HTTPException(status_code=404, detail="there is no such report")
    # Its own origin: what the page shows comes from data sets, and may not act as Airflow's admin.
    return FileResponse(file, headers={"Content-Security-Policy": "sandbox allow-scripts"})


class UpcyclePlugin(AirflowPlugin):
    """What Airflow registers at its start."""

    name = "upcycle"
    operator_extra_links = [ReportLink()]
    fastapi_apps = [{"app": app, "url_prefix": PREFIX, "name": "Upcycle's reports"}]
