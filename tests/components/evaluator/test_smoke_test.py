"""The picture of an evaluation that a copy of the model is tried on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.evaluator.smoke_test import SMOKE_TEST_FILE, SmokeTest, read_smoke_test, write_smoke_test
from detection.errors import Failed


def test_written_and_read(tmp_path: Path) -> None:
    test = SmokeTest(
        image=np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
        boxes=np.array([[0.0, 0.1, 0.5, 1.0]], np.float32),
        scores=np.array([0.25], np.float32),
        classes=np.array([3], np.int64),
    )
    write_smoke_test(test, tmp_path)
    read = read_smoke_test(tmp_path)
    for name in ("image", "boxes", "scores", "classes"):
        np.testing.assert_array_equal(getattr(read, name), getattr(test, name))
        assert getattr(read, name).dtype == getattr(test, name).dtype


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04 half of one"])
def test_without_it_nothing_is_published(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / SMOKE_TEST_FILE).write_bytes(content)
    with pytest.raises(Failed, match="smoke test can't be read") as error:
        read_smoke_test(tmp_path)
    assert error.value.where == str(tmp_path / SMOKE_TEST_FILE)
