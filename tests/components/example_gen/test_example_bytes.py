from __future__ import annotations

import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.example_gen.example_bytes import (
    bytes_entry,
    example_of,
    feature_entry,
    floats_entry,
    ints_entry,
)

# No name begins another one: there protobuf's own order isn't that of the alphabet.
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=300).map(lambda text: f"{text}\U0010ffff")
INTS = st.integers(0, 2**63 - 1) | st.sampled_from([0, 1, 127, 128, 2**14 - 1, 2**14, 2**63 - 1])
LISTS = st.one_of(
    st.tuples(st.just("bytes_list"), st.lists(st.binary(max_size=300), max_size=5)),
    st.tuples(st.just("float_list"), st.lists(st.floats(width=32, allow_nan=False), max_size=40)),
    st.tuples(st.just("int64_list"), st.lists(INTS, max_size=40)),
)
ENTRIES = {"bytes_list": bytes_entry, "float_list": floats_entry, "int64_list": ints_entry}


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, LISTS, min_size=1, max_size=6), st.booleans())
def test_the_bytes_are_those_of_protobuf(features, serialised):
    example = tf.train.Example()
    entries = {}
    for name, (kind, values) in features.items():
        feature = example.features.feature[name]
        getattr(feature, kind).value.extend(values)
        entries[name] = ENTRIES[kind](name, values)
        if serialised:
            entries[name] = feature_entry(name, feature.SerializeToString(deterministic=True))
    assert example_of(entries) == example.SerializeToString(deterministic=True)


def test_a_large_image():
    data = bytes(range(256)) * 40_000
    example = tf.train.Example()
    example.features.feature["image/encoded"].bytes_list.value.append(data)
    raw = example_of({"image/encoded": bytes_entry("image/encoded", [data])})
    assert raw == example.SerializeToString(deterministic=True)
