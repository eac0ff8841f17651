"""The progress lines: one in a while whatever a step takes, and what they say about pace and time left."""

from __future__ import annotations

import re
import time

import pytest

from components.trainer.progress import Pace, ProgressLines, clock

VALUES = {
    "loss": 3.5,
    "localization_loss": 1.25,
    "classification_loss": 2.0,
    "regularization_loss": 0.25,
    "learning_rate": 0.004,
    "gradient_norm": 7.0,
}


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_pace_leaves_out_the_first_step_and_validations() -> None:
    pace = Pace(batch_size=8, total_steps=100, eval_every_steps=30)
    assert pace.images_per_second == 0 and pace.seconds_left(0) is None
    time.sleep(0.1)
    pace.step_done()
    started = time.monotonic()
    for _ in range(4):
        time.sleep(0.02)
        pace.step_done()
    time.sleep(0.2)
    pace.validation_done(0.2)
    time.sleep(0.02)
    pace.step_done()
    a_step = pace.seconds / pace.steps
    assert pace.steps == 5 and a_step >= 0.02
    assert pace.seconds == pytest.approx(time.monotonic() - started - 0.2, abs=0.1)
    assert pace.images_per_second == pytest.approx(8 / a_step)
    # validations at 30, 60, 90 and, because it is the last, 100
    assert pace.seconds_left(0) == pytest.approx(100 * a_step + 4 * 0.2)
    assert pace.seconds_left(30) == pytest.approx(70 * a_step + 3 * 0.2)
    assert pace.seconds_left(95) == pytest.approx(5 * a_step + 0.2)
    assert pace.seconds_left(100) == 0


def test_a_line_has_every_loss_the_rate_and_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    pace = Pace(4, 12, None)
    with ProgressLines(pace, 4, 12, step=0) as lines:
        for step in range(1, 4):
            time.sleep(0.05)
            pace.step_done()
            lines.step_done(step, VALUES)
        lines.evaluated(3, {"eval_loss": 2.5, "eval_rpn_objectness_loss": 0.5, "eval_mAP": 0.25})
    (line,) = lines_of(capsys)
    pattern = (
        r"step 3/12 loss 3\.500 \(localization 1\.250, classification 2\.000, regularization 0\.250\)"
        r" lr 0\.004 (\d+\.\d) img/s 0:\d\d left"
        r" \| validation at step 3: loss 2\.500 \(rpn_objectness 0\.500\) mAP 0\.250"
    )
    found = re.fullmatch(pattern, line)
    assert found and 0 < float(found[1]) <= 80


def test_fast_steps_make_no_flood(capsys: pytest.CaptureFixture[str]) -> None:
    pace = Pace(4, 10_000, 1)
    started = time.monotonic()
    with ProgressLines(pace, 4, 10_000, step=0, every_seconds=0.2) as lines:
        step = 0
        while time.monotonic() - started < 0.7:
            step += 1
            pace.step_done()
            lines.step_done(step, VALUES)
            lines.evaluated(step, {"eval_loss": 1.0})
    printed = lines_of(capsys)
    assert step > 20 and 2 <= len(printed) <= 4
    assert all(" | validation at step " in line for line in printed)
    assert printed[-1].startswith(f"step {step}/10000 ")


def test_slow_steps_and_validations_say_what_is_going_on(capsys: pytest.CaptureFixture[str]) -> None:
    pace = Pace(4, 10, 1)
    with ProgressLines(pace, 4, 10, step=7, every_seconds=0.1) as lines:
        time.sleep(0.4)
        pace.step_done()
        lines.step_done(8, VALUES)
        lines.doing("the validation")
        time.sleep(0.4)
    printed = lines_of(capsys)
    (at,) = [number for number, line in enumerate(printed) if line.startswith("step 8/10 loss 3.500 (loc")]
    assert printed[at].endswith(" lr 0.004")  # no pace is known of one step
    assert at > 0 and set(printed[:at]) == {"step 7/10: the first step and its graph for 0 s"}
    assert printed[at + 1 :] and set(printed[at + 1 :]) == {"step 8/10: the validation for 0 s"}


def test_an_error_ends_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), ProgressLines(Pace(1, 2, None), 1, 2, 0, every_seconds=0.01):
        raise ZeroDivisionError
    lines_of(capsys)
    time.sleep(0.05)
    assert lines_of(capsys) == []


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (75, "1:15"), (3725, "1:02:05")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
