"""What stays of checkpoints whose writing failed or was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.trainer.files import keep_checkpoints, read_found, remove_half_written, whole_checkpoint
from components.trainer.results import Trial


def test_a_write_that_fails_leaves_nothing_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), whole_checkpoint(tmp_path / "step-1"):
        (tmp_path / "step-1.index").touch()
        (tmp_path / "step-1.json").touch()
        (tmp_path / "step-1_temp").mkdir()
        (tmp_path / "step-12.index").touch()
        raise OSError("full")
    assert [path.name for path in tmp_path.iterdir()] == ["step-12.index"]


def test_only_named_checkpoints_stay(tmp_path: Path) -> None:
    (tmp_path / "step-3_temp").mkdir()
    (tmp_path / "step-3_temp" / "part").touch()
    kept = {"checkpoint", "step-2.index", "step-2.data-00000-of-00001", "step-2.json"}
    for name in {*kept, "step-1.index", "step-22.json", ".step-3.json.a1", "checkpoint.tmpa1"}:
        (tmp_path / name).touch()
    keep_checkpoints(tmp_path, {"step-2"})
    assert {path.name for path in tmp_path.iterdir()} == kept
    keep_checkpoints(tmp_path / "absent", set())


def test_what_a_killed_export_left_goes(tmp_path: Path) -> None:
    (tmp_path / "checkpoint" / "ckpt-1_temp").mkdir(parents=True)
    (tmp_path / "checkpoint" / "ckpt-1_temp" / "part").touch()
    kept = {tmp_path / "checkpoint" / "ckpt-1.index", tmp_path / "training.json"}
    for path in {*kept, tmp_path / ".training.json.a1", tmp_path / "checkpoint" / ".x.b2"}:
        path.touch()
    remove_half_written(tmp_path)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == kept
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["checkpoint"]
    remove_half_written(tmp_path / "absent")


def test_what_an_attempt_found_is_read_or_done_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "trial.json"
    trial = Trial(settings={"batch_size": 4}, loss=0.5)
    assert read_found(file, Trial) is None and not capsys.readouterr().out
    file.write_text(trial.model_dump_json())
    assert read_found(file, Trial) == trial and not capsys.readouterr().out
    for damaged in (b"", b"\0" * 20, b'{"loss": 0.5}', b"\xff"):
        file.write_bytes(damaged)
        assert read_found(file, Trial) is None
        assert capsys.readouterr().out.startswith("trial.json is damaged or of another release")
