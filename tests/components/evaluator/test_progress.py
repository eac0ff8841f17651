"""Lines of progress."""

from __future__ import annotations

import pytest

from components.evaluator.progress import Progress


def test_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    progress = Progress("new model", 2000, lambda: now)
    for second in range(25):
        now = float(second)
        progress.add(8)
    assert capsys.readouterr().out.splitlines() == [
        "new model: 88 of 2,000 images, 8.8 images/s",
        "new model: 168 of 2,000 images, 8.4 images/s",
    ]


def test_where_the_total_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    progress = Progress("old model", None, lambda: now)
    now = 20.0
    progress.add(50)
    assert capsys.readouterr().out == "old model: 50 images, 2.5 images/s\n"
