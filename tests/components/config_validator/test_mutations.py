"""Damaged configs and label maps: whatever is done to them, lint answers, and soon."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.config_validator.check import Facts, check
from components.config_validator.checkpoint_facts import CheckpointFacts
from components.config_validator.data_facts import DataFacts
from components.config_validator.lint import lint
from detection.config.label_map import LabelMap, read_label_map
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput

WITH = Path(__file__).with_name("corpus") / "with"
CONFIGS = [path.read_bytes() for path in sorted(WITH.glob("*.config"))]
LABELS = WITH / "labels.pbtxt"
SOUND = WITH / "ssd.config"

_NUMBER = re.compile(rb"(?<=: )-?[\d.]+(?:e-?\d+)?")
_EXTREMES = (
    *(b"0", b"1", b"2", b"-1", b"0.0", b"1.0", b"-0.5", b"1e-30", b"1e30", b"nan", b"inf", b"-inf"),
    *(
        b"4294967295",
        b"2147483647",
        b"-2147483648",
        b"18446744073709551616",
        b"true",
        b"RELU_6",
        b'""',
        b"{ }",
    ),
)
_SNIPPETS = (
    *(b"{", b"}", b"<", b">", b"[", b"]", b":", b";", b",", b'"', b"'", b"\\", b"#", b"\n", b"\r\n", b"\0"),
    *(
        b"\xef\xbb\xbf",
        b"\xff",
        "\u201c".encode(),
        b"item { id: 0 }",
        b"ssd {",
        b"train_config { }",
        b"\\u12",
        b"D:\\x",
    ),
)

# The longest that one answer may take: a hundred times what lint needs on a machine that is not busy.
without_hanging = settings(
    max_examples=100, deadline=timedelta(seconds=3), suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutations")


def answers(content: bytes, folder: Path, label_map: Path | None = None) -> None:
    """Lints a config: a BadInput is an answer too, any other exception fails the test."""
    config, fixed = folder / "pipeline.config", folder / "fixed.config"
    config.write_bytes(content)
    fixed.unlink(missing_ok=True)
    try:
        result = lint(config, label_map=label_map, fix_out=fixed)
    except BadInput as error:
        assert error.what and error.where and error.fix
        return
    assert all(finding.message and finding.fix and finding.location for finding in result.findings)
    if fixed.exists():  # what lint wrote it can read, and it leaves nothing more to fix
        assert lint(fixed, label_map=label_map).diff == ""


def moved(lines: list[bytes], removed: set[int], swapped: tuple[int, int]) -> bytes:
    """The lines without those removed, two of them in each other's place."""
    lines = list(lines)
    first, second = (i % len(lines) for i in swapped)
    lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(line for i, line in enumerate(lines) if i not in {r % len(lines) for r in removed})


def with_numbers(config: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    """The config with other values for some of its numbers."""
    for place, value in changes:
        if numbers := list(_NUMBER.finditer(config)):
            number = numbers[place % len(numbers)]
            config = config[: number.start()] + value + config[number.end() :]
    return config


LINES = st.integers(0, 200)


@without_hanging
@given(st.sampled_from(CONFIGS), st.sets(LINES, max_size=5), st.tuples(LINES, LINES))
def test_lines_deleted_and_swapped(
    folder: Path, config: bytes, removed: set[int], swapped: tuple[int, int]
) -> None:
    answers(moved(config.split(b"\n"), removed, swapped), folder)


@without_hanging
@given(
    st.sampled_from(CONFIGS), st.lists(st.tuples(LINES, st.sampled_from(_EXTREMES)), min_size=1, max_size=3)
)
def test_numbers_replaced(folder: Path, config: bytes, changes: list[tuple[int, bytes]]) -> None:
    answers(with_numbers(config, changes), folder, label_map=LABELS)


@without_hanging
@given(st.sampled_from(CONFIGS), st.tuples(LINES, LINES))
def test_braces_swapped(folder: Path, config: bytes, places: tuple[int, int]) -> None:
    braces = [match.start() for match in re.finditer(rb"[{}]", config)]
    content = bytearray(config)
    first, second = (braces[place % len(braces)] for place in places)
    content[first], content[second] = content[second], content[first]
    answers(bytes(content), folder)


@without_hanging
@given(
    st.sampled_from(CONFIGS),
    st.lists(
        st.tuples(
            st.integers(0, 4000), st.sampled_from(_SNIPPETS) | st.binary(max_size=4), st.integers(0, 8)
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_bytes_put_in_and_taken_out(folder: Path, config: bytes, edits: list[tuple[int, bytes, int]]) -> None:
    for place, new, taken in edits:
        place %= len(config)
        config = config[:place] + new + config[place + taken :]
    answers(config, folder)


@without_hanging
@given(st.sampled_from(CONFIGS), st.integers(0, 4000), st.booleans())
def test_cut_off(folder: Path, config: bytes, place: int, end: bool) -> None:
    place %= len(config)
    answers(config[:place] if end else config[place:], folder)


@without_hanging
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_anything_at_all(folder: Path, content: bytes) -> None:
    answers(content, folder)


@without_hanging
@given(
    st.sampled_from([LABELS.read_bytes(), (WITH / "arrows.pbtxt").read_bytes()]),
    st.lists(
        st.tuples(
            st.integers(0, 200),
            st.sampled_from(_SNIPPETS + _EXTREMES) | st.binary(max_size=4),
            st.integers(0, 8),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_a_damaged_label_map(folder: Path, labels: bytes, edits: list[tuple[int, bytes, int]]) -> None:
    for place, new, taken in edits:
        place %= len(labels) or 1
        labels = labels[:place] + new + labels[place + taken :]
    (folder / "labels.pbtxt").write_bytes(labels)
    answers(SOUND.read_bytes(), folder, label_map=folder / "labels.pbtxt")


COUNTS = st.integers(0, 10**6)
SHARES = st.floats(0, 1, exclude_min=True)
NAMES = st.sampled_from(["arduino", "Arduino", "esp 32", "arrow_left", "7", "\u00e9", "", "a" * 300])
DATA = st.builds(
    lambda boxes, **facts: DataFacts(
        box_sizes=tuple((w, h) for w, h, _, _ in boxes),
        box_centers=tuple((x, y) for _, _, x, y in boxes),
        **facts,
    ),
    boxes=st.lists(st.tuples(SHARES, SHARES, SHARES, SHARES), max_size=4),
    path=st.just("boards"),
    images=COUNTS,
    images_train=st.none() | COUNTS,
    images_eval=st.none() | COUNTS,
    boxes_by_class=st.dictionaries(NAMES, COUNTS, max_size=4),
    image_sizes=st.lists(st.tuples(st.integers(1, 10**5), st.integers(1, 10**5)), max_size=3).map(tuple),
    boxes_of_densest=COUNTS,
    masks=st.none() | st.booleans(),
    keypoints=st.none() | st.booleans(),
    max_label_id=st.none() | st.integers(-5, 2**40),
    boxes_by_id=st.dictionaries(st.integers(-5, 2**40), COUNTS, max_size=3),
    fix_case=st.booleans(),
)
ORIGINALS = [None, *(parse_pipeline_config(config.decode(), "original.config") for config in CONFIGS)]
CHECKPOINT = st.builds(
    CheckpointFacts,
    path=st.just("model.ckpt"),
    kind=st.sampled_from(["detection", "classification", "tf2"]),
    num_classes=st.none() | st.integers(0, 10**6),
    variables=st.dictionaries(
        st.sampled_from(
            [
                "FeatureExtractor/MobilenetV2/Conv/weights",
                "FeatureExtractor/InceptionV2/Conv2d_1a_7x7/depthwise_weights",
                "FirstStageBoxPredictor/ClassPredictor/weights",
                "BoxPredictor_0/ClassPredictor/biases",
                "x",
            ]
        ),
        st.lists(st.integers(0, 10**6), max_size=4).map(tuple),
    ),
    averages=st.booleans(),
    quantised=st.booleans(),
    original=st.sampled_from(ORIGINALS),
    original_path=st.just("pipeline.config"),
)


@without_hanging
@given(
    st.sampled_from(CONFIGS),
    st.lists(st.tuples(LINES, st.sampled_from(_EXTREMES)), max_size=2),
    st.none() | DATA,
    st.none() | CHECKPOINT,
    st.none() | st.just(read_label_map(LABELS)),
)
def test_numbers_replaced_with_data_and_checkpoint(
    folder: Path,
    config: bytes,
    changes: list[tuple[int, bytes]],
    data: DataFacts | None,
    checkpoint: CheckpointFacts | None,
    labels: LabelMap | None,
) -> None:
    facts = Facts(label_map=labels, data=data, checkpoint=checkpoint)
    try:
        check(with_numbers(config, changes).decode(), folder / "pipeline.config", facts)
    except BadInput as error:
        assert error.what and error.where and error.fix


@pytest.mark.parametrize(
    "content",
    [
        b"model { ssd { " * 3000,
        b"model " + b"{" * 100_000,
        b"}" * 100_000,
        b'model { ssd { feature_extractor { type: "' + b"a" * 1_000_000 + b'" } } }',
        b"#" * 1_000_000,
        b"\n" * 1_000_000 + b"model",
        b'"' * 100_001,
        b"\\" * 100_000,
        b"a: " * 100_000,
        b"model { ssd { num_classes: " + b"9" * 100_000 + b" } }",
        b"train_config { freeze_variables: '" + b"(a*)*" * 50 + b"b' } model { ssd { } }",
    ],
    ids=[
        "nested",
        "braces",
        "closing",
        "long name",
        "comment",
        "blank",
        "quotes",
        "escapes",
        "colons",
        "digits",
        "pattern",
    ],
)
@pytest.mark.timeout(20)
def test_extremes_are_answered_soon(folder: Path, content: bytes) -> None:
    answers(content, folder)
