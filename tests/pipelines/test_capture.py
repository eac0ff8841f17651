"""Output by file descriptor: children and C++ too, noise left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.capture import captured, is_noise, quiet_stderr

NOISE = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795598686.013541   17712 port.cc:153] oneDNN custom operations are on.",
    "W0000 00:00:1795598686.022781   17712 cpu_feature_guard.cc:31] rebuild TensorFlow",
    "To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the flags.",
    "E0000 00:00:1795598773.787649   19188 cuda_platform.cc:52] failed call to cuInit: INTERNAL",
]
NEWS = [
    "E0000 00:00:1795598773.787649   19188 stream_executor.cc:52] out of memory",
    "step 120/400 loss 1.93",
    "Info: nothing",
    "",
]


def test_noise_and_news() -> None:
    assert all(is_noise(line) for line in NOISE)
    assert not any(is_noise(line) for line in NEWS)


def test_captured(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "logs" / "node.log"
    lines: list[str] = []
    with captured(log, lines.append):
        print("python")
        os.write(2, f"{NOISE[0]}\nc++\n".encode())
        subprocess.run([sys.executable, "-c", "print('child')"], check=True)
    print("after")
    assert lines == ["python", "c++", "child"]
    assert log.read_text().splitlines() == ["python", NOISE[0], "c++", "child"]
    assert capfd.readouterr().out == "after\n"


def test_output_comes_back_after_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError), captured(tmp_path / "log", lambda line: None):
        print("hidden")
        raise ValueError
    print("seen")
    assert capfd.readouterr().out == "seen\n"


def test_quiet_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, "\n".join([NOISE[1], NEWS[0], NOISE[3], NEWS[1], ""]).encode())
    assert capfd.readouterr().err == f"{NEWS[0]}\n{NEWS[1]}\n"
