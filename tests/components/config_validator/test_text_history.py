"""Lines keep their origin through edits, and the diff names the rule of each change."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from components.config_validator.text_history import TextHistory
from detection.config.text_edit import Edit

TEXT = "".join(f"line {number}\n" for number in range(1, 21))


def replaced(text: str, old: str, new: str) -> Edit:
    start = text.index(old)
    return Edit(start, start + len(old), new)


def patched(given: str, diff: str, folder: Path) -> str:
    """`given` after patch(1) has applied the diff."""
    (folder / "given").write_text(given, newline="")
    (folder / "diff").write_text(diff, newline="")
    command = ["patch", "-s", "-F0", "-o", "after", "given", "diff"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "after").read_bytes().decode()


def test_nothing_edited_is_no_diff() -> None:
    history = TextHistory(TEXT)
    history.edit([], "CFG001")
    assert (history.text, history.diff("p")) == (TEXT, "")
    history.edit([replaced(TEXT, "line 7\n", "other\n")], "CFG001")
    history.edit([replaced(history.text, "other", "line 7")], "CFG002")
    assert (history.text, history.diff("p")) == (TEXT, "")


def test_each_change_is_a_hunk_with_its_code() -> None:
    history = TextHistory(TEXT)
    history.edit([replaced(TEXT, "line 5\n", "")], "CFG001")
    history.edit([replaced(history.text, "line 8", "line eight")], "CFG002")
    assert history.diff("p") == (
        "--- p (as given)\n+++ p (resolved)\n"
        "@@ -4,3 +4,2 @@ CFG001\n line 4\n-line 5\n line 6\n"
        "@@ -7,3 +6,3 @@ CFG002\n line 7\n-line 8\n+line eight\n line 9\n"
    )


def test_changes_that_touch_share_a_hunk() -> None:
    history = TextHistory(TEXT)
    history.edit([replaced(TEXT, "line 5", "five")], "CFG001")
    history.edit([replaced(history.text, "line 7", "seven")], "CFG002")
    history.edit([replaced(history.text, "five", "FIVE")], "CFG003")
    (header,) = [line for line in history.diff("p").splitlines() if line.startswith("@@")]
    assert header == "@@ -2,9 +2,9 @@ CFG001 CFG003 CFG002"


def test_lines_are_found_again_where_they_were_given() -> None:
    history = TextHistory(TEXT)
    history.edit([replaced(TEXT, "line 3\nline 4\n", "")], "CFG001")
    history.edit([Edit(0, 0, "new a\nnew b\n")], "CFG002")
    lines = history.text.splitlines()
    assert lines[:5] == ["new a", "new b", "line 1", "line 2", "line 5"]
    for number, line in enumerate(lines[2:], start=3):
        assert history.given_line(number) == int(line.removeprefix("line "))
    assert history.given_line(1) == 1
    assert history.given_line(999) == 20
    assert TextHistory("").given_line(1) == 1


def test_a_text_edited_elsewhere_brings_its_codes() -> None:
    history = TextHistory(TEXT)
    after = TEXT.replace("line 2\n", "").replace("line 12\n", "twelve\nand more\n")
    history.replace(after, [(2, "OLD001"), (12, "OLD002")])
    assert history.text == after
    headers = [line for line in history.diff("p").splitlines() if line.startswith("@@")]
    assert headers == ["@@ -1,5 +1,4 @@ OLD001", "@@ -9,7 +8,8 @@ OLD002"]
    assert history.given_line(after.splitlines().index("line 3") + 1) == 3
    assert history.given_line(after.splitlines().index("and more") + 1) == 12


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch(1) is not installed")
@pytest.mark.parametrize("given", [TEXT, TEXT.rstrip("\n"), TEXT.replace("\n", "\r\n")])
def test_patch_applies_the_diff(given: str, tmp_path: Path) -> None:
    newline = "\r\n" if "\r" in given else "\n"
    history = TextHistory(given)
    for old, new in (
        ("line 1" + newline, ""),
        ("line 4", "four"),
        ("line 6" + newline, "a" + newline + "b" + newline),
        ("line 9" + newline, ""),
        ("line 12" + newline, ""),
        ("line 20", "twenty" + newline + "the end"),
    ):
        history.edit([replaced(history.text, old, new)], "CFG001")
    end = len(history.text)
    history.edit([Edit(end, end, newline + "more")], "CFG002")
    assert patched(given, history.diff("given"), tmp_path) == history.text
