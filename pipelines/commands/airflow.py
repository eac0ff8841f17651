"""upcycle airflow"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

PYTHON_VARIABLE = "UPCYCLE_AIRFLOW_PYTHON"
_ROOT = Path(__file__).resolve().parents[2]


def airflow(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The web interface's port.")] = 8080,
    login: Annotated[
        bool, typer.Option("--login/--no-login", help="Whether the web interface asks for a password.")
    ] = True,
) -> None:
    """Start the Airflow UI on loopback; Ctrl-C stops it.

    Example: upcycle airflow
    """
    from detection.errors import BadInput

    python = Path(os.environ.get(PYTHON_VARIABLE) or _ROOT / ".venv-airflow" / "bin" / "python")
    if not os.access(python, os.X_OK):
        raise BadInput(
            "the Airflow environment is not installed",
            str(python),
            f"make install, or set {PYTHON_VARIABLE} to its Python",
        )
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    command = [str(python), "-m", "dags.serve", "--port", str(port), *([] if login else ["--no-login"])]
    os.execve(python, command, os.environ | {"PYTHONPATH": path})
