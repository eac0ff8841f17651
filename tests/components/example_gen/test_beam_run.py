from __future__ import annotations

import threading
import time

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from components.example_gen import beam_run
from components.example_gen.beam_pipeline import DEFAULT_BEAM_ARGS
from detection.errors import Failed

PROCESSES = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing"]


def boom(element):
    raise Failed(f"no {element}", "here", "there")


def test_an_error_of_ours_stays_one():
    pipeline = beam.Pipeline(options=PipelineOptions(list(DEFAULT_BEAM_ARGS)))
    _ = pipeline | beam.Create(["good"]) | beam.Map(boom)
    with pytest.raises(Failed, match="no good") as caught:
        beam_run.run_pipeline(pipeline)
    assert (caught.value.where, caught.value.fix) == ("here", "there")


def test_what_another_process_says_is_told_in_one_line(monkeypatch):
    def run(pipeline):
        raise RuntimeError("\n no memory\nTraceback of a hundred lines")

    monkeypatch.setattr(beam_run, "_run", run)
    for arguments in (PROCESSES, DEFAULT_BEAM_ARGS):
        with pytest.raises(Failed) as caught:
            beam_run.run_pipeline(beam.Pipeline(options=PipelineOptions(list(arguments))))
        assert caught.value.what == "the Beam pipeline failed: no memory"


def test_the_result_comes_back(monkeypatch):
    pipeline = beam.Pipeline(options=PipelineOptions(PROCESSES))
    monkeypatch.setattr(beam_run, "_run", lambda pipeline: "result")
    assert beam_run.run_pipeline(pipeline) == "result"


def run_for_ever(workers):
    """Beam when one of its workers is killed: the others' threads live on, and nobody answers."""

    def run(pipeline):
        for seconds in workers:
            threading.Thread(target=time.sleep, args=(seconds,), name="run_worker", daemon=True).start()
        time.sleep(30)

    return run


def test_a_worker_that_ended_ends_the_run(monkeypatch):
    monkeypatch.setattr(beam_run, "GRACE_SECONDS", 1.0)
    monkeypatch.setattr(beam_run, "_run", run_for_ever([1.5, 30]))
    started = time.monotonic()
    with pytest.raises(Failed, match="a worker process was killed"):
        beam_run.run_pipeline(beam.Pipeline(options=PipelineOptions(PROCESSES)))
    assert time.monotonic() - started < 10


def test_workers_that_end_after_the_work_are_no_failure(monkeypatch):
    def run(pipeline):
        threading.Thread(target=time.sleep, args=(0.6,), name="run_worker", daemon=True).start()
        time.sleep(2.0)
        return "result"

    monkeypatch.setattr(beam_run, "_run", run)
    assert beam_run.run_pipeline(beam.Pipeline(options=PipelineOptions(PROCESSES))) == "result"
