"""No Airflow DAG: an import error that says which detector files can't be used, and why.

It is in a file of its own, since Airflow gives up all DAGs of a file with an import error. Each broken
detector has a page too, see broken.py.
"""

from __future__ import annotations

from dags.detectors import read_detectors


class BrokenDetectors(Exception):
    """The problems of all detector files that can't be used, each with file, line and fix."""


_, _broken = read_detectors()
if _broken:
    raise BrokenDetectors("\n\n".join(problem for _, problem in _broken))
