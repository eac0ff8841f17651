from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from components.checkpoint_converter.output import require_free, require_no_pattern, whole_folder
from detection.errors import BadInput, Failed


def _conversion(folder: Path, mark: str) -> Path:
    """An earlier conversion, as far as this module looks."""
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "report.json").write_text(mark)
    (folder / "report.md").write_text(mark)
    return folder


def _write(out: Path, mark: str) -> None:
    with whole_folder(out) as folder:
        (folder / "report.json").write_text(mark)
        (folder / "report.md").write_text(mark)


def test_a_new_folder_an_empty_one_and_an_earlier_conversion(tmp_path):
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "deep" / "new", tmp_path / "empty", _conversion(tmp_path / "again", "old")):
        _write(out, "new")
        assert (out / "report.json").read_text() == "new"
        assert sorted(os.listdir(out)) == ["report.json", "report.md"]
    assert sorted(os.listdir(tmp_path)) == ["again", "deep", "empty"]


def test_other_files_are_never_lost(tmp_path):
    """The folder of the input, of a TF1 export, of anything else: all were deleted once."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.ckpt.index").write_text("index")
    export = tmp_path / "export"
    (export / "saved_model").mkdir(parents=True)
    (export / "pipeline.config").write_text("config")
    extended = _conversion(tmp_path / "extended", "old")
    (extended / "notes.txt").write_text("notes")
    for out, named in (
        (tmp_path / "mine", "model.ckpt.index"),
        (extended, "notes.txt"),
        (export, "pipeline"),
    ):
        before = sorted(os.listdir(out))
        with pytest.raises(BadInput, match=f"holds other files, such as {named}"):
            _write(out, "new")
        assert sorted(os.listdir(out)) == before


def test_the_current_folder_and_those_around_it(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for out in (".", "", "./", "..", "../here", "/", str(tmp_path)):
        with pytest.raises(BadInput, match="the current folder, or holds it"):
            require_free(Path(out))
    assert require_free(Path("new")) == tmp_path / "here" / "new"


def test_a_path_that_is_no_place_for_a_folder(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    with pytest.raises(BadInput, match="a file, not a folder"):
        require_free(tmp_path / "file")
    with pytest.raises(BadInput, match="inside a file"):
        require_free(tmp_path / "file" / "deep" / "out")
    for out in (tmp_path / "loop", tmp_path / ("a" * 250), tmp_path / "a\0b"):
        with pytest.raises(BadInput, match="nothing can be written at this path"):
            require_free(out)
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    with pytest.raises(BadInput, match="a mounted disk") as error:
        require_free(tmp_path / "disk")
    assert str(tmp_path / "disk" / "converted") in error.value.fix


def test_a_folder_without_the_right_to_write(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(BadInput, match="can't write there"):
        require_free(tmp_path / "out")


def test_symbolic_links_are_followed(tmp_path):
    (tmp_path / "far").mkdir()
    os.symlink(tmp_path / "far", tmp_path / "link")
    os.symlink(tmp_path / "absent", tmp_path / "dangling")
    for link, target in (("link", "far"), ("dangling", "absent")):
        _write(tmp_path / link, "new")
        assert (tmp_path / link).is_symlink() and (tmp_path / target / "report.md").read_text() == "new"


@pytest.mark.parametrize("name", ["a[1]", "back\\slash"])
def test_what_tensorflow_takes_for_a_pattern(name, tmp_path):
    with pytest.raises(BadInput, match="take for a pattern"):
        require_no_pattern(tmp_path / name / "model.ckpt")
    with pytest.raises(BadInput, match=re.escape("take for a pattern")):
        require_free(tmp_path / name)


def test_an_error_leaves_the_earlier_conversion(tmp_path):
    out = _conversion(tmp_path / "out", "old")
    with pytest.raises(KeyboardInterrupt), whole_folder(out) as folder:
        (folder / "half").write_text("half")
        raise KeyboardInterrupt
    assert (out / "report.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_what_came_into_the_folder_meanwhile_is_kept(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(BadInput, match="holds other files, such as notes"), whole_folder(out):
        out.mkdir()
        (out / "notes").write_text("x")
    assert os.listdir(out) == ["notes"]


def test_two_at_once(tmp_path):
    out = tmp_path / "out"
    with whole_folder(out) as folder:
        (folder / "report.json").write_text("first")
        (folder / "report.md").write_text("first")
        with pytest.raises(Failed, match="another conversion is writing this"):
            _write(out, "second")
    assert (out / "report.json").read_text() == "first"
    assert os.listdir(tmp_path) == ["out"]


def test_after_a_kill_the_next_one_works(tmp_path):
    """kill -9 leaves the scratch folder and no lock."""
    program = (
        "import os, signal, sys; from pathlib import Path;"
        "from components.checkpoint_converter.output import whole_folder\n"
        "with whole_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'deep').mkdir(); (folder / 'deep' / 'half').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    child = subprocess.run([sys.executable, "-c", program, str(tmp_path / "out")], env=os.environ)
    assert child.returncode == -9
    assert os.listdir(tmp_path) == [".out.partial"]
    _write(tmp_path / "out", "new")
    assert os.listdir(tmp_path) == ["out"]
    assert sorted(os.listdir(tmp_path / "out")) == ["report.json", "report.md"]
