"""The pipeline handed over to a job server that is another process, as Flink's and Spark's are."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from components.example_gen.ingest import Outputs, ingest
from detection.errors import Failed

SERVER = "apache_beam.runners.portability.local_job_service_main"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, log = (tmp_path_factory.mktemp("server") / name for name in ("port", "log"))
    command = [sys.executable, "-m", SERVER, "--port", "0", "--port_file", str(port)]
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as server:
        try:
            while not (port.exists() and port.read_text()):
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
            yield f"localhost:{port.read_text().strip()}"
        finally:
            server.terminate()


def portable(endpoint: str) -> list[str]:
    return ["--runner=PortableRunner", f"--job_endpoint={endpoint}", "--environment_type=LOOPBACK"]


def run(data: Any, name: str, beam_args: list[str] | None) -> dict[str, str]:
    out = data.root / name
    outputs = Outputs(*(str(out / part) for part in ("examples", "quarantine", "statistics", "schema")))
    ingest(data.options(), data.label_map, outputs, "", beam_args)
    return {
        file.relative_to(out).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in out.rglob("*")
        if file.is_file()
    }


def test_the_same_bytes(voc_data: Any, endpoint: str) -> None:
    for i in range(30):
        voc_data.add("train", f"{i}")
    voc_data.add("train", "bad", [("cat", (10, 20, 50, 60)), ("cta", (1, 1, 9, 9))])
    voc_data.add("eval", "e")
    here, there = run(voc_data, "here", None), run(voc_data, "there", portable(endpoint))
    assert here == there and "quarantine/statistics.json" in there


def test_an_error_in_a_worker_is_told(voc_data: Any, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("components.example_gen.beam_steps.examine", fail)
    voc_data.add("train", "a")
    voc_data.add("eval", "b")
    with pytest.raises(Failed, match="the Beam pipeline failed"):
        run(voc_data, "out", portable(endpoint))
    assert not list((voc_data.root / "out" / "examples").glob(".work-*"))
