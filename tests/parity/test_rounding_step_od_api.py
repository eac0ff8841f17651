"""One training step of a network that rounds to 8 bits inside, against the OD API's TF1 code.

The ranges are moving averages, which move inside the network: what is rounded is within the new range. How
far rounding to float32 moves a gradient can't be measured here as for the other detectors, since a flipped
rounding to 8 bits moves it further. So nothing beyond the tolerance is allowed.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from tests.parity.od_api_shim_configs import SHIM_CONFIGS
from tests.parity.training_step import Step, run_steps
from tests.parity.training_step_configs import repeatable

pytestmark = pytest.mark.slow

TOLERANCE = 1e-4
MOVED = 1e-3  # of a variable's largest change,
RESOLUTION = 5e-7  # and of its largest value: a few units in the last place
DECAY = 0.999


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Step, Step]:
    """TF1's and the shim's, without dropout: each draws its own."""
    config = repeatable(SHIM_CONFIGS["ssd_spaghettinet_s"]).replace(
        "{ convolutional_box_predictor {", "{ convolutional_box_predictor { use_dropout: false"
    )
    return run_steps(config, tmp_path_factory.mktemp("step"))


def test_losses_are_the_od_apis(steps: tuple[Step, Step]) -> None:
    wanted, found = steps
    assert set(found.losses) == set(wanted.losses)
    for loss, value in found.losses.items():
        assert value > 0
        np.testing.assert_allclose(value, wanted.losses[loss], rtol=TOLERANCE, err_msg=loss)
    penalty = sum(wanted.regularization.values())
    np.testing.assert_allclose(found.regularization[""], penalty, rtol=TOLERANCE)


def test_gradients_are_the_od_apis(steps: tuple[Step, Step]) -> None:
    wanted, found = steps
    assert set(found.gradients) == set(wanted.gradients) and found.untouched == wanted.untouched
    # batch norm cancels the gradients of the offsets of a layer that it follows: all that is left of the sum
    # is rounding, of terms as large as those of the layer's other gradients
    scales: dict[str, float] = defaultdict(float)
    for name, gradient in wanted.gradients.items():
        layer = name.rpartition("/")[0]
        scales[layer] = max(scales[layer], float(np.abs(gradient).max()))
    for name, gradient in wanted.gradients.items():
        own = float(np.abs(gradient).max())
        is_offset = name.endswith(("/beta", "/biases"))
        limit = TOLERANCE * (scales[name.rpartition("/")[0]] if is_offset else own)
        np.testing.assert_allclose(found.gradients[name], gradient, rtol=0, atol=limit, err_msg=name)


def test_every_variable_moves_as_the_od_apis(steps: tuple[Step, Step]) -> None:
    wanted, found = steps
    assert set(found.after) == set(wanted.after)
    for name, after in wanted.after.items():
        before = wanted.before[name]
        limit = MOVED * np.abs(after - before).max() + RESOLUTION * np.abs(before).max()
        np.testing.assert_allclose(found.after[name], after, rtol=0, atol=limit, err_msg=name)


def test_ranges_are_averages_without_their_bias_to_zero(steps: tuple[Step, Step]) -> None:
    wanted, found = steps
    ranges = [name for name in wanted.after if name.endswith(("/concat/min", "/concat/max"))]
    assert len(ranges) == 10
    for name in ranges:
        state = f"{name.rpartition('/')[0]}/{name}"  # TF1 has the scope twice
        count = wanted.before[f"{state}/local_step"] + 1
        assert found.after[f"{state}/local_step"] == count
        average = found.after[f"{state}/biased"] / (1 - DECAY**count)
        np.testing.assert_allclose(found.after[name], average, rtol=1e-4)
        assert abs(found.after[name] - wanted.before[name]) > 1e-3, "it has not moved"
