from __future__ import annotations

import numpy as np
import pytest

from components.checkpoint_converter.proof_stages import Stage, failure, preprocessing, require_equal
from detection.errors import Failed


def _stage(reference, converted, block="backbone") -> Stage:
    return Stage(block, "a tensor", np.array(reference, np.float32), np.array(converted, np.float32))


def test_differences_are_absolute_and_relative_to_the_largest_value():
    stage = _stage([1.0, -4.0], [1.0, -3.0])
    assert (stage.absolute, stage.relative) == (1.0, 0.25)
    same = _stage([1.0, -4.0], [1.0, -4.0])
    assert (same.absolute, same.relative) == (0.0, 0.0)
    assert _stage([0.0, 0.0], [0.5, 0.0]).relative == 0.5
    assert _stage(np.zeros([0, 4]), np.zeros([0, 4])).relative == 0.0


@pytest.mark.parametrize("converted", [np.zeros(3), [1.0, np.nan], [np.inf, -4.0]])
def test_another_shape_or_no_number_is_infinitely_different(converted):
    stage = _stage([1.0, -4.0], converted)
    assert (stage.absolute, stage.relative) == (np.inf, np.inf)
    assert _stage([1.0, np.inf], [1.0, np.inf]).relative == np.inf  # which is not infinity by infinity


def test_the_first_block_that_differs_is_named():
    good, bad = _stage([1.0], [1.00005]), _stage([2.0], [2.01], "rpn")
    require_equal([good], 1)
    with pytest.raises(Failed, match=r"differs is rpn \(a tensor differs by 5.0e-03 of") as error:
        require_equal([good, bad, _stage([1.0], [9.0], "box_head")], 2)
    assert error.value.where == "proof image 2"


@pytest.mark.parametrize(
    ("reference", "converted", "message"),
    [
        (
            [1.0, -4.0],
            np.zeros(3),
            r"a tensor has shape \(2,\) in the TF1 graph, \(3,\) in the converted model",
        ),
        ([1.0, -4.0], [1.0, np.nan], "a tensor is not finite .NaN or infinite. in the converted model"),
        ([1.0, np.inf], [1.0, np.inf], r"the TF1 model itself computes .* first in backbone \(a tensor\)"),
    ],
)
def test_another_shape_or_no_number_is_said(reference, converted, message):
    with pytest.raises(Failed, match=message):
        require_equal([_stage(reference, converted)], 1)


def test_the_fix_names_the_fields_of_the_block():
    error = failure("anchors", None, "they differ")
    assert "compare anchor_generator," in error.fix
    assert error.where == "drawn raw predictions, which both sides post-process"
    assert "compare image_resizer, activation, batch_norm epsilon" in failure("backbone", 1, "it differs").fix


def test_the_tf1_graphs_padding_is_no_part_of_the_preprocessed_image():
    image = np.random.default_rng(1).normal(size=[1, 4, 3, 3])
    padded = np.pad(image, [(0, 0), (0, 2), (0, 1), (0, 0)])
    stage = preprocessing("sub", padded, image)
    assert (stage.block, stage.absolute) == ("preprocessing", 0.0)
    assert preprocessing("sub", image, image[:, :, ::-1]).relative > 0.1
    assert preprocessing("sub", image, padded).relative == np.inf
