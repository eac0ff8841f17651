from __future__ import annotations

import pytest

from components.example_gen.spans import Delivery, deliveries, filled, uses_span
from detection.errors import BadInput


@pytest.fixture
def root(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
        return str(tmp_path)

    return make


def names(*arguments):
    return [delivery.name for delivery in deliveries(*arguments)]


def test_names_are_ordered_as_text(root):
    at = root("d-2026-10-x/train", "d-2026-11-x/train", "d-x/train", "d-2026-12", ".d-9-x")
    pattern = at + "/d-{span}-x/train"
    assert names([pattern], None, 1) == ["2026-11"]
    assert names([pattern], None, 5) == ["2026-10", "2026-11"]
    assert names([pattern], "2026-10", 5) == ["2026-10"]
    assert uses_span(pattern) and not uses_span(at)


def test_numbers_are_ordered_by_value_and_other_names_are_none(root):
    at = root("span-9", "span-10", "span-011", "span-x", "span-")
    assert names([at + "/span-{SPAN}"], None, 3) == ["9", "10", "011"]
    assert names([at + "/span-{SPAN}"], "11", 2) == ["10", "011"]
    assert names([at + "/span-{SPAN:3}"], None, 9) == ["011"]


def test_the_newest_version_counts_unless_one_is_named(root):
    at = root("1/version-1", "2/version-1", "2/version-2", "2/version-10", "3/versions")
    pattern = at + "/{SPAN}/version-{VERSION}/data"
    assert names([pattern], None, 2) == ["1/1", "2/10"]
    assert names([pattern], "2", 1) == ["2/10"]
    assert names([pattern], "2/2", 2) == ["1/1", "2/2"]
    assert deliveries([pattern], None, 1)[0].fill(pattern) == f"{at}/2/version-10/data"


def test_one_number_in_two_ways_of_writing_is_one_span(root):
    at = root("1/v1", "2/v9", "02/v10", "2/v3")
    assert names([at + "/{SPAN}/v{VERSION}"], None, 2) == ["1/1", "02/10"]


def test_a_span_may_stand_several_times_in_a_path(root):
    at = root("7/data-7", "8/data-7")
    assert names([at + "/{SPAN}/data-{SPAN}"], None, 5) == ["7"]


def test_every_path_gets_every_delivery_once():
    chosen = [Delivery("1"), Delivery("2")]
    assert filled(["/a/{span}", "/all"], chosen) == ("/a/1", "/all", "/a/2")


def test_what_can_not_be(root):
    at = root("1", "2")
    with pytest.raises(BadInput, match="no path of the data has {span}"):
        deliveries(["/a"], "1", 1)
    with pytest.raises(BadInput, match="no span of data yet"):
        deliveries([at + "/none/{span}"], None, 1)
    with pytest.raises(BadInput, match="there is no span '7'") as caught:
        deliveries([at + "/{span}"], "7", 1)
    assert caught.value.fix == "the last ones are 1, 2"
    for mixed in ([at + "/{span}/{VERSION}"], [at + "/{span}", "/b/{SPAN}"], ["/{VERSION}", at + "/{span}"]):
        with pytest.raises(BadInput, match="mix the kinds"):
            deliveries(mixed, None, 1)


def test_a_span_can_not_lead_out_of_the_data(root):
    at = root("data/1", "secrets")
    with pytest.raises(BadInput, match="there is no span"):
        deliveries([at + "/data/{span}"], "../secrets", 1)


@pytest.mark.parametrize(
    ("pattern", "folders"),
    [
        ("span-{SPAN}", ["span-9", "span-10", "span-011"]),
        ("span-{SPAN:3}", ["span-009", "span-010", "span-007"]),
        ("{SPAN}/v{VERSION}", ["1/v3", "2/v9", "2/v10", "02/v2"]),
        ("{SPAN:2}/{VERSION:2}/train", ["01/03/train", "02/01/train", "02/10/train"]),
    ],
)
def test_the_newest_is_what_tfx_takes(root, pattern, folders):
    from tfx.components.example_gen import utils
    from tfx.proto import example_gen_pb2

    at = root(*folders)
    for folder in folders:
        with open(f"{at}/{folder}/x.record", "w") as file:
            file.write("x")
    split = example_gen_pb2.Input.Split(name="train", pattern=pattern + "/*")
    _, span, version = utils.calculate_splits_fingerprint_span_and_version(at, [split])
    (ours,) = deliveries([f"{at}/{pattern}"], None, 1)
    assert (int(ours.span), int(ours.version or 0)) == (span, version or 0)
