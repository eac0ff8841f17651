"""Runs a Beam pipeline to its end, also where a worker process is killed on the way."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any

import apache_beam as beam
import psutil
from apache_beam.options.pipeline_options import DirectOptions

from detection.errors import Failed

GRACE_SECONDS = 20.0  # for Beam to notice a dead worker by itself, or to end when the work is done
_WORKER_THREAD = "run_worker"  # Beam's name for the thread that waits for a worker process
_WORKER_MODULE = "sdk_worker_main"


def run_pipeline(pipeline: beam.Pipeline) -> Any:
    """Runs it and waits; the runner's result.

    Raises:
      Failed: with the first line of what the runner says, or because a worker process ended too early.
    """
    try:
        if pipeline.options.view_as(DirectOptions).direct_running_mode != "multi_processing":
            return _run(pipeline)
        return _run_watched(pipeline)
    except RuntimeError as error:  # what Beam makes of any error in another process
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise _failed(lines[0]) from error


def _run(pipeline: beam.Pipeline) -> Any:
    result = pipeline.run()
    result.wait_until_finish()
    return result


def _run_watched(pipeline: beam.Pipeline) -> Any:
    """As _run, but ends when a worker process has: Beam itself may wait for its answer for ever."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(_run(pipeline))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    most = 0
    missing_since: float | None = None
    while True:
        try:
            return future.result(timeout=0.5)
        except TimeoutError:
            if future.done():
                raise
        alive = sum(thread.name == _WORKER_THREAD for thread in threading.enumerate())
        most = max(most, alive)
        if alive == most:
            continue
        missing_since = missing_since or time.monotonic()
        if time.monotonic() - missing_since > GRACE_SECONDS:
            _end_workers()
            raise _failed("a worker process was killed (out of memory?)")


def _end_workers() -> None:
    # Python waits at its end for Beam's threads, which wait for these.
    for child in psutil.Process().children(recursive=True):
        try:
            if any(_WORKER_MODULE in argument for argument in child.cmdline()):
                child.kill()
        except psutil.NoSuchProcess:
            continue


def _failed(reason: str) -> Failed:
    return Failed(
        f"the Beam pipeline failed: {reason}",
        "ExampleGen",
        "run again: what was half written is written anew",
    )
