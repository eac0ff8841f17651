"""The augmentations have the outcomes, and the distribution of outcomes, of the OD API's own."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from scipy import stats

from detection.augment import build_augmentations
from detection.augment_example import Example
from detection.augment_geometry import DEFAULT_SSD_CROPS
from detection.augment_pad import DEFAULT_SSD_CROP_PADS, PadOperation
from detection.config import protos
from detection.errors import BadInput
from tests.detection.augmentation_cases import FEW, FIXED, MANY, WITHOUT_MASKS
from tests.detection.od_augmentations import HEIGHT, WIDTH, Outcome, example, od_outcomes

Outcomes = dict[str, list[Outcome]]

DRAWS = 300


@pytest.fixture(scope="module")
def od_api(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcomes, dict[str, dict[str, Any]]]:
    """Outcomes of the OD API by "group, name", and the defaults of its functions."""
    asked = {f"fixed, {name}": (text, 1) for name, text in FIXED.items()}
    asked |= {f"few, {name}": (text, DRAWS) for name, text in FEW.items()}
    asked |= {f"many, {name}": (text, DRAWS) for name, text in MANY.items()}
    return od_outcomes(asked, tmp_path_factory.mktemp("od_api"))


@pytest.fixture(scope="module")
def expected(od_api: tuple[Outcomes, dict[str, dict[str, Any]]]) -> Outcomes:
    """Outcomes of the OD API by "group, name"."""
    return od_api[0]


def drawn(text: str, draws: int) -> list[Outcome]:
    """What this package makes of the same example, by one traced function as in tf.data."""
    augmentations = build_augmentations([text_format.Parse(text, protos.PreprocessingStep())])
    assert len(augmentations.names) == 1
    signature = [
        Example(
            tf.TensorSpec([None, None, 3]), tf.TensorSpec([None, 4]), tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None, None, None]),
        ),
        tf.TensorSpec([2], tf.int64),
    ]  # fmt: skip
    apply = tf.function(augmentations.apply, input_signature=signature)
    before = Example(*map(tf.constant, example()))
    return [
        tuple(tensor.numpy() for tensor in apply(before, np.array([7, number]))) for number in range(draws)
    ]


def comparable(text: str, outcome: Outcome) -> tuple[np.ndarray, ...]:
    """Image, boxes, classes, and the masks if the OD API's are of use."""
    return outcome[:3] if text.split(" ")[0] in WITHOUT_MASKS else outcome


TOLERANCES = (2e-3, 1e-5, 0, 1e-5)


def same(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> bool:
    """Equal up to rounding."""
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=0, atol=atol)
        for a, b, atol in zip(one, other, TOLERANCES, strict=False)
    )


@pytest.mark.parametrize("name", FIXED)
def test_a_step_without_chance_is_the_same(name: str, expected: Outcomes) -> None:
    (outcome,) = drawn(FIXED[name], 1)
    (od_outcome,) = expected[f"fixed, {name}"]
    for ours, theirs, atol in zip(
        comparable(FIXED[name], outcome), comparable(FIXED[name], od_outcome), TOLERANCES, strict=False
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


@pytest.mark.parametrize("name", FEW)
def test_the_outcomes_and_their_shares_are_the_same(name: str, expected: Outcomes) -> None:
    kinds: list[tuple[np.ndarray, ...]] = []
    counts: list[list[int]] = []
    for side, outcomes in enumerate((drawn(FEW[name], DRAWS), expected[f"few, {name}"])):
        for whole in outcomes:
            outcome = comparable(FEW[name], whole)
            kind = next((i for i, known in enumerate(kinds) if same(outcome, known)), len(kinds))
            if kind == len(kinds):
                kinds.append(outcome)
                counts.append([0, 0])
            counts[kind][side] += 1
    rare = [count for count in counts if min(count) == 0 and max(count) > 9]
    assert not rare, f"outcomes of one side only: {rare}"
    if len(counts) > 1:
        assert stats.chi2_contingency(np.array(counts).T).pvalue > 1e-4, counts


def statistics(text: str, outcomes: list[Outcome]) -> dict[str, np.ndarray]:
    """A few numbers of each outcome: of its image, its colors, its boxes, classes and masks."""
    rows = []
    for outcome in outcomes:
        image, boxes, classes, *masks = comparable(text, outcome)
        spread = image.reshape(-1, 3)
        first, last = (boxes[0], boxes[-1]) if len(boxes) else np.full((2, 4), -1.0)
        change = image - example()[0] if image.shape == example()[0].shape else np.full((1, 1, 3), -999.0)
        values = {
            "height": image.shape[0],
            "width": image.shape[1],
            "number of boxes": len(boxes),
            "sum of classes": classes.sum(),
            "boxes' area": np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).sum(),
            "deviation": image.std(),
            "greatest": image.max(),
        }
        values |= {f"first box {i}": first[i] for i in range(4)}
        values |= {f"last box {i}": last[i] for i in range(4)}
        values |= {"changed pixels": (abs(change) > 1e-3).any(-1).sum(), "change": change.std()}
        values |= {f"mean of channel {i}": spread[:, i].mean() for i in range(3)}
        values |= {f"mid pixel {i}": spread[len(spread) // 2, i] for i in range(3)}
        for of_all in masks:
            of_each = of_all.sum((1, 2)) if len(boxes) else np.full(1, -1.0)
            values |= {"first mask": of_each[0], "last mask": of_each[-1], "masks": of_each.sum()}
            values |= {f"mask {part}": side.sum() for part, side in _quarters(of_all).items()}
        rows.append(values)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _quarters(masks: np.ndarray) -> dict[str, np.ndarray]:
    """The quarters of all masks [N, h, w]."""
    row, column = masks.shape[1] // 2, masks.shape[2] // 2
    return {
        "above left": masks[:, :row, :column],
        "above right": masks[:, :row, column:],
        "below left": masks[:, row:, :column],
        "below right": masks[:, row:, column:],
    }


@pytest.mark.parametrize("name", MANY)
def test_the_statistics_are_the_same(name: str, expected: Outcomes) -> None:
    text = MANY[name]
    ours, theirs = statistics(text, drawn(text, DRAWS)), statistics(text, expected[f"many, {name}"])
    for what, values in ours.items():
        # rounding must not part values that are equal
        pvalue = stats.ks_2samp(values.round(3), theirs[what].round(3)).pvalue
        assert pvalue > 1e-4, (what, values.mean(), theirs[what].mean())


def test_a_canvas_reaches_the_same_sizes(expected: Outcomes) -> None:
    text = MANY["pad"]
    ours, theirs = statistics(text, drawn(text, DRAWS)), statistics(text, expected["many, pad"])
    for side in ("height", "width"):  # of at most 16 sizes 300 draws leave none out
        assert set(ours[side]) == set(theirs[side])


def test_the_defaults_are_the_same(od_api: tuple[Outcomes, dict[str, dict[str, Any]]]) -> None:
    compared = 0
    for name, defaults in od_api[1].items():
        option = protos.PreprocessingStep()
        getattr(option, name).SetInParent()
        try:
            ((_, step),) = build_augmentations([option]).steps
        except BadInput:  # there are no defaults of all its settings
            continue
        for key, value in step.keywords.items():
            if defaults.get(key) is not None and defaults[key] is not inspect.Parameter.empty:
                assert value == pytest.approx(defaults[key]), (name, key)
                compared += 1
    assert compared > 40


CROP_FIELDS = ("min_object_covered", "aspect_ratio_range", "area_range", "overlap_thresh", "clip_boxes")


@pytest.mark.parametrize(
    "name", ["ssd_random_crop", "ssd_random_crop_pad", "ssd_random_crop_pad_fixed_aspect_ratio"]
)
def test_the_default_crops_are_the_same(
    name: str, od_api: tuple[Outcomes, dict[str, dict[str, Any]]]
) -> None:
    defaults = od_api[1][name]
    operations = DEFAULT_SSD_CROPS
    if name == "ssd_random_crop_pad":
        operations = tuple(crop for crop, _ in DEFAULT_SSD_CROP_PADS)
        for _, padding in DEFAULT_SSD_CROP_PADS:
            assert padding == PadOperation()
        assert set(defaults["min_padded_size_ratio"]) == {PadOperation.min_size_ratio}
        assert set(defaults["max_padded_size_ratio"]) == {PadOperation.max_size_ratio}
        assert set(defaults["pad_color"]) == {None}
    for field in (*CROP_FIELDS, "random_coef"):
        assert tuple(getattr(operation, field) for operation in operations) == defaults[field], field


def test_the_example_has_room_for_differences() -> None:
    image, boxes, _, masks = example()
    assert len({mask.tobytes() for mask in masks}) == 3 and (masks.sum((1, 2)) > 3).all()
    assert (
        image.shape == (HEIGHT, WIDTH, 3) and len(np.unique(image.reshape(-1, 3), axis=0)) == HEIGHT * WIDTH
    )
    assert image.min() >= 0 and image.max() <= 255 and (boxes <= 1).all()
