from __future__ import annotations

from pathlib import Path

import pytest

from components.example_gen.records import DataOptions, as_options
from detection.errors import BadInput


def test_defaults():
    options = as_options({"train": "/a", "label_map": "/b"})
    assert options == DataOptions(train=Path("/a"), label_map=Path("/b"))
    assert (options.format, options.eval, options.eval_fraction, options.max_quarantined) == (
        "auto",
        None,
        0.2,
        0.05,
    )
    assert as_options(options) is options


@pytest.mark.parametrize(
    "wrong",
    [{"format": "coco"}, {"trian": "/x"}, {"eval_fraction": 1.5}, {"max_quarantined": -1}, {"train": None}],
)
def test_wrong_fields_are_named(wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        as_options({"train": "/a", "label_map": "/b", **wrong})
