"""The input benchmark takes batches of every side and compares what they cost."""

from __future__ import annotations

import pytest

from benchmarks.training.input_pipeline import SHARED, SIDES, Round, measure, table


def rounds(seconds: float, peak_mb: float) -> list[Round]:
    return [Round(seconds * slow, 2 * seconds * slow, peak_mb) for slow in (1.0, 2.0, 4.0)]


def test_the_table_has_a_row_for_each_side_and_the_ratios() -> None:
    text = table({"decode": rounds(0.001, 500), "upcycle": rounds(0.002, 900), "od_api": rounds(0.005, 1200)})
    assert "| upcycle | 250 | 125 to 500 | 8.00 ms | 900 MB |" in text
    assert "upcycle to od_api, processor time, median of the rounds: 2.50 times as good" in text
    assert "decode to od_api, images/s, median of the rounds: 5.00 times as good" in text
    assert "upcycle / od_api, peak memory: 0.75" in text


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_every_side_gives_batches() -> None:
    found = measure(rounds=1, batches=2)
    assert set(found) == set(SIDES)
    for (one,) in found.values():
        assert one.seconds > 0 and one.processor_s > 0 and one.peak_mb > 100
    assert "upcycle / od_api, peak memory" in table(found)
