"""One training step of the native detectors against the OD API's TF1 code, for every architecture.

Losses, the regularisation loss, every gradient, and the value of every variable after the step, batch norm's
averages included.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from tests.parity.od_api_configs import CONFIGS, DEAD
from tests.parity.training_step import RATE, ROUNDING, Step, gradient_excess, run_steps
from tests.parity.training_step_configs import VARIANTS, repeatable

LOSS = 1e-4  # relative
MOVED = 1e-3  # of a variable's largest change,
RESOLUTION = 5e-7  # and of its largest value: a few units in the last place
TWO_STAGE_LOSSES = {
    "rpn_localization_loss": "RPNLoss/localization_loss",
    "rpn_objectness_loss": "RPNLoss/objectness_loss",
    "localization_loss": "BoxClassifierLoss/localization_loss",
    "classification_loss": "BoxClassifierLoss/classification_loss",
}
QUICK = "ssd_mobilenet_v1_fpnlite_cropped"  # a pyramid, depthwise, shared tower, focal loss: the widest one
CASES = {name: (config, DEAD.get(name, ())) for name, config in CONFIGS.items()} | VARIANTS


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == QUICK else pytest.mark.slow) for name in CASES]
)
def test_step_equals_the_od_apis(name: str, tmp_path: Path) -> None:
    config, dead = CASES[name]
    wanted, found = run_steps(repeatable(config), tmp_path)
    names = TWO_STAGE_LOSSES if "rpn_localization_loss" in found.losses else {}
    assert len(found.losses) == len(wanted.losses)
    for loss, value in found.losses.items():
        print(f"{loss}: {value:g}, {value / wanted.losses[names.get(loss, loss)] - 1:+.1e}")
        np.testing.assert_allclose(value, wanted.losses[names.get(loss, loss)], rtol=LOSS, err_msg=loss)
        assert value > 0
    penalty = sum(wanted.regularization[name] for name in _alive(wanted.regularization, dead))
    np.testing.assert_allclose(found.regularization[""], penalty, rtol=LOSS)
    _check_gradients(found, wanted, dead)
    _check_values(found, wanted, dead)


def _alive(names: Iterable[str], dead: tuple[str, ...]) -> set[str]:
    """The names without those of layers that TF1 makes, and that feed no prediction."""
    return {name for name in names if not name.startswith(dead)}


def _check_gradients(found: Step, wanted: Step, dead: tuple[str, ...]) -> None:
    """The same variables have one, and it is the same."""
    assert set(found.gradients) == _alive(wanted.gradients, dead)
    assert found.untouched == _alive(wanted.untouched, dead)
    scales = {name: float(np.abs(gradient).max()) for name, gradient in wanted.gradients.items()}
    excess = {
        name: gradient_excess(gradient, wanted.gradients[name], found.rounding[name])
        for name, gradient in found.gradients.items()
    }
    worst = max(excess, key=lambda name: excess[name])
    print(f"gradients: {excess[worst]:.2f} of what is allowed, in {worst} of {scales[worst]:.1e}")
    assert excess[worst] <= 1, worst
    compared = sum(scales[name] > 10 * ROUNDING * found.rounding[name] for name in excess)
    assert compared > len(excess) / 3, "nearly all gradients are rounding: nothing is compared"


def _check_values(found: Step, wanted: Step, dead: tuple[str, ...]) -> None:
    """Every variable has moved, or not, by the same."""
    assert set(found.after) == _alive(wanted.after, dead)
    excess = {}
    for name, value in found.after.items():
        before, after = wanted.before[name], wanted.after[name]
        allowed = MOVED * np.abs(after - before).max() + RESOLUTION * np.abs(before).max()
        allowed += RATE * ROUNDING * found.rounding.get(name, 0.0)  # what the gradient may differ by
        excess[name] = float(np.abs(value - after).max() / allowed)
    worst = max(excess, key=lambda name: excess[name])
    print(f"values after the step: {excess[worst]:.2f} of what is allowed, in {worst}")
    assert excess[worst] <= 1, worst
