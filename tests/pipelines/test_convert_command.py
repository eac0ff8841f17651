"""What `upcycle convert` makes of its options."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from detection.errors import BadInput
from pipelines.cli import app
from pipelines.commands.convert import end_cleanly_on_sigterm, photographs


def test_convert_takes_no_empty_checkpoint_and_no_count_of_zero() -> None:
    done = CliRunner().invoke(app, ["convert", "--out", "o", "--config", "a.config", "--checkpoint", ""])
    assert done.exit_code == 2 and "give --config and --checkpoint" in done.stderr
    arguments = ["--out", "o", "--config", "a.config", "--checkpoint", "model.ckpt", "--classes", "0"]
    assert CliRunner().invoke(app, ["convert", *arguments]).exit_code == 2


def test_photographs_for_the_proof_are_the_ones_named(tmp_path: Path) -> None:
    for name in ("one.jpg", "two.jpg"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert photographs(tmp_path / "two.jpg") == [tmp_path / "two.jpg"]
    assert photographs(tmp_path) == [tmp_path / "one.jpg", tmp_path / "two.jpg"]
    assert photographs(None) == []
    with pytest.raises(BadInput, match="photographs for the proof do not exist"):
        photographs(tmp_path / "three.jpg")


def test_kill_ends_it_like_an_interrupt() -> None:
    before = signal.getsignal(signal.SIGTERM)
    cleared = []
    try:
        end_cleanly_on_sigterm()
        with pytest.raises(SystemExit) as ended:
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                signal.pause()
            finally:
                cleared.append("scratch")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 143 and cleared == ["scratch"]
