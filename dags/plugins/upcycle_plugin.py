"""Airflow's plugin: makes the links on tasks known, serves the pages that they open, and listens to
the ends of runs."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse

from dags import run_note, run_state
from dags.environment import upcycle_home
from dags.links import LINKS, PAGES, PREFIX


async def current_user(request: Request) -> Any:
    """Who asks, by the session's cookie or a bearer token; Airflow protects its own pages only.

    Without either a browser is sent to the log-in, and any other program gets 401.
    """
    # Every process of Airflow loads the plugins; only the API server needs this.
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user

    try:
        return await get_user(request, None, await bearer_scheme(request))
    except HTTPException:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        login = get_auth_manager().get_url_login(next_url=str(request.url))
        raise HTTPException(status_code=303, headers={"Location": login}) from None


app = FastAPI(title="Upcycle's reports", openapi_url=None)


@app.get("/reports/{path:path}")
def report(path: str, request: Request, user: Any = Depends(current_user)) -> FileResponse:  # noqa: B008
    """A report or lineage page under UPCYCLE_HOME, and no other file, for a user who may see its DAG."""
    from airflow.api_fastapi.core_api.security import requires_access_dag

    home = upcycle_home().resolve()
    file = home if "\0" in path else (home / path).resolve()  # which can't resolve a NUL
    if file.name not in PAGES or not file.is_relative_to(home) or not file.is_file():
        raise HTTPException(status_code=404, detail="there is no such report")
    detector = file.relative_to(home).parts[0]  # of the file, not of the path that asks for it
    requires_access_dag("GET", param_dag_id=f"retrain_{detector}")(request, user)
    # Its own origin: what the page shows comes from data sets, and may not act as Airflow's admin.
    return FileResponse(file, headers={"Content-Security-Policy": "sandbox allow-scripts"})


class UpcyclePlugin(AirflowPlugin):
    """What Airflow registers at its start."""

    name = "upcycle"
    operator_extra_links = list(LINKS)
    listeners = [run_state, run_note]
    fastapi_apps = [{"app": app, "url_prefix": PREFIX, "name": "Upcycle's reports"}]
