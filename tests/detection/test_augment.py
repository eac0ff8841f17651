"""Augmentations move pixels and boxes together, follow the seed, and keep the OD API's rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from detection.augment import build_augmentations
from detection.augment_example import Example
from detection.augment_geometry import CropOperation, random_crop_image, ssd_random_crop
from detection.augment_options import MOVES
from detection.config import protos
from detection.config.architectures import AUGMENTATIONS
from detection.config.pipeline_config import read_pipeline_config
from detection.errors import BadInput
from tests.detection.augmentation_cases import FEW, FIXED, MANY

UPSTREAM = Path(__file__).resolve().parents[3] / "shared" / "data" / "configs" / "upstream"

HEIGHT, WIDTH = 60, 80
BOX = (0.25, 0.25, 0.75, 0.5)  # rows 15 to 45, columns 20 to 40


def example(masks: bool = False) -> Example:
    """A dark image with one bright box."""
    image = np.full((HEIGHT, WIDTH, 3), 10.0, np.float32)
    image[15:45, 20:40] = (250.0, 200.0, 100.0)
    bright = tf.constant(image[np.newaxis, ..., 0] > 100.0)
    return Example(
        tf.constant(image),
        tf.constant([BOX], tf.float32),
        tf.constant([3], tf.int32),
        tf.cast(bright, tf.float32) if masks else None,
    )


def seed(number: int) -> tf.Tensor:
    return tf.constant([7, number], tf.int64)


def steps(text: str) -> protos.TrainConfig:
    return text_format.Parse(text, protos.TrainConfig()).data_augmentation_options


def bright_box(image: tf.Tensor) -> np.ndarray:
    """Normalised box around the bright pixels."""
    rows, columns = np.nonzero(image.numpy()[..., 0] > 100.0)
    height, width = image.shape[:2]
    return np.array(
        [rows.min() / height, columns.min() / width, (rows.max() + 1) / height, (columns.max() + 1) / width]
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("random_horizontal_flip", [0.25, 0.5, 0.75, 0.75]),
        ("random_vertical_flip", [0.25, 0.25, 0.75, 0.5]),
    ],
)
def test_flip_moves_box_with_pixels(name: str, expected: list[float]) -> None:
    augmentations = build_augmentations(
        steps(f"data_augmentation_options {{ {name} {{ probability: 1.0 }} }}")
    )
    image, boxes, classes, _ = augmentations.apply(example(), seed(0))
    np.testing.assert_allclose(boxes[0], expected, atol=1e-6)
    np.testing.assert_allclose(boxes[0], bright_box(image), atol=1e-6)
    assert classes.numpy().tolist() == [3]


def test_flip_happens_as_often_as_asked() -> None:
    augmentations = build_augmentations(
        steps("data_augmentation_options { random_horizontal_flip { probability: 0.25 } }")
    )
    run = tf.function(lambda number: augmentations.apply(example(), tf.stack([7, number]))[1][0, 1])
    flips = [float(run(tf.constant(number, tf.int64))) > 0.4 for number in range(400)]
    assert 0.18 < np.mean(flips) < 0.32


@pytest.mark.parametrize("number", range(12))
def test_crop_keeps_box_on_its_pixels(number: int) -> None:
    operation = CropOperation(min_object_covered=0.5, overlap_thresh=0.5)
    image, boxes, classes, _ = random_crop_image(example(), seed(number), operation=operation)
    assert boxes.shape[0] == classes.shape[0] == 1
    assert 0.1 * 0.9 <= image.shape[0] * image.shape[1] / (HEIGHT * WIDTH) <= 1.0
    np.testing.assert_allclose(boxes[0], bright_box(image), atol=1e-5)


def test_crop_drops_boxes_that_are_mostly_outside() -> None:
    image, boxes, *_ = example()
    corner = tf.constant([[0.9, 0.9, 1.0, 1.0]], tf.float32)
    operation = CropOperation(min_object_covered=1.0, overlap_thresh=1.0, area_range=(0.1, 0.4))
    kept = 0
    for number in range(12):
        two = Example(image, tf.concat([boxes, corner], 0), tf.constant([3, 4]))
        _, after, labels, _ = random_crop_image(two, seed(number), operation=operation)
        assert after.shape[0] == labels.shape[0]
        assert (after.numpy() >= 0).all() and (after.numpy() <= 1).all()
        kept += after.shape[0]
    assert 12 <= kept < 24  # the window holds one object, and can't hold both in 40 % of the image


def test_crop_without_boxes_and_with_a_flat_box() -> None:
    image, *_ = example()
    operation = CropOperation(min_object_covered=0.0, overlap_thresh=0.0)
    nothing = Example(image, tf.zeros([0, 4]), tf.zeros([0], tf.int32), tf.zeros([0, HEIGHT, WIDTH]))
    cropped, boxes, _, masks = random_crop_image(nothing, seed(1), operation=operation)
    assert masks.shape == (0, *cropped.shape[:2])
    assert boxes.shape == (0, 4)
    flat = tf.constant([[0.5, 0.2, 0.5, 0.8]], tf.float32)
    _, boxes, classes, _ = random_crop_image(
        Example(image, flat, tf.constant([1])), seed(1), operation=operation
    )
    assert boxes.shape == (0, 4) and classes.shape == (0,)


def test_random_coef_is_the_probability_of_no_crop() -> None:
    operation = CropOperation(area_range=(0.1, 0.5), min_object_covered=0.1, random_coef=0.7)
    untouched = [
        random_crop_image(example(), seed(number), operation=operation)[0].shape[0] == HEIGHT
        for number in range(60)
    ]
    assert 0.5 < np.mean(untouched) < 0.95


def test_ssd_random_crop_uses_all_operations_and_the_configs_own() -> None:
    run = tf.function(lambda number: tf.shape(ssd_random_crop(example(), tf.stack([7, number]))[0]))
    sizes = {tuple(run(tf.constant(number, tf.int64)).numpy()) for number in range(40)}
    assert len(sizes) > 20 and (HEIGHT, WIDTH, 3) in sizes
    augmentations = build_augmentations(
        steps("""data_augmentation_options { ssd_random_crop { operations {
          min_object_covered: 0 min_aspect_ratio: 1 max_aspect_ratio: 1
          min_area: 0.24 max_area: 0.26 overlap_thresh: 0 } } }""")
    )
    image, *_ = augmentations.apply(example(), seed(0))
    assert image.shape[0] * image.shape[1] / (HEIGHT * WIDTH) == pytest.approx(0.25, abs=0.03)


COLORS = (
    "random_adjust_brightness",
    "random_adjust_contrast",
    "random_adjust_hue",
    "random_adjust_saturation",
    "random_distort_color",
)


@pytest.mark.parametrize("name", COLORS)
def test_colors_change_pixels_within_range_and_leave_boxes(name: str) -> None:
    augmentations = build_augmentations(steps(f"data_augmentation_options {{ {name} {{}} }}"))
    before = example()
    image, boxes, *_ = augmentations.apply(before, seed(3))
    assert float(tf.reduce_min(image)) >= 0.0 and float(tf.reduce_max(image)) <= 255.0
    assert float(tf.reduce_max(tf.abs(image - before.image))) > 0.5
    np.testing.assert_array_equal(boxes, before.boxes)


def test_gray_has_three_equal_channels() -> None:
    augmentations = build_augmentations(
        steps("data_augmentation_options { random_rgb_to_gray { probability: 1 } }")
    )
    image, *_ = augmentations.apply(example(), seed(0))
    pixel = image.numpy()[30, 30]
    assert pixel == pytest.approx([0.2989 * 250 + 0.587 * 200 + 0.114 * 100] * 3, abs=0.1)


def test_same_seed_same_example_other_seed_other_example() -> None:
    augmentations = build_augmentations(
        steps("""data_augmentation_options { ssd_random_crop {} }
                 data_augmentation_options { random_distort_color { color_ordering: 1 } }""")
    )
    first, again, other = (augmentations.apply(example(), seed(number)) for number in (5, 5, 6))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert first[0].shape != other[0].shape or not np.array_equal(first[0], other[0])


def test_unknown_options_are_listed() -> None:
    augmentations = build_augmentations(
        steps("""data_augmentation_options { rgb_to_gray {} }
                 data_augmentation_options { random_horizontal_flip {} }
                 data_augmentation_options { autoaugment_image {} }""")
    )
    assert augmentations.names == ("random_horizontal_flip",)
    assert augmentations.not_applied == ("rgb_to_gray", "autoaugment_image")


# a text for each option
STEPS = {text.split(" ")[0]: text for text in (*FIXED.values(), *MANY.values(), *FEW.values())}


def test_every_option_that_is_applied_has_a_text() -> None:
    assert STEPS.keys() == AUGMENTATIONS - {"random_vertical_flip"}  # as the other flip


@pytest.mark.parametrize("masked", [False, True], ids=["boxes", "masks"])
@pytest.mark.parametrize("text", STEPS.values(), ids=STEPS)
def test_every_step_runs_in_tf_data_on_any_size_with_and_without_objects(text: str, masked: bool) -> None:
    augmentations = build_augmentations(steps(f"data_augmentation_options {{ {text} }}"))
    shapes = 2 * [(33, 21, 2), (14, 50, 0), (5, 5, 1)]

    def examples() -> Iterator[tuple[Example, int]]:
        for height, width, count in shapes:
            image = np.random.default_rng(1).uniform(0, 255, [height, width, 3]).astype(np.float32)
            boxes, masks = np.tile(np.float32(BOX), [count, 1]), np.ones([count, height, width], np.float32)
            yield Example(image, boxes, np.ones(count, np.int32), masks), height

    dataset = tf.data.Dataset.from_generator(
        examples,
        output_signature=(
            Example(
                tf.TensorSpec([None, None, 3]),
                tf.TensorSpec([None, 4]),
                tf.TensorSpec([None], tf.int32),
                tf.TensorSpec([None, None, None]),
            ),
            tf.TensorSpec([], tf.int64),
        ),
    ).map(
        lambda before, i: augmentations.apply(
            before if masked else before._replace(masks=None), tf.stack([7, i])
        )
    )
    static = dataset.element_spec
    assert static.image.shape.rank == 3 and static.image.shape[2] == 3
    assert static.boxes.shape.as_list() == [None, 4] and static.classes.shape.as_list() == [None]
    done = list(dataset)
    assert len(done) == 6
    for (_, _, count), first, again in zip(shapes[:3], done[:3], done[3:], strict=True):
        assert min(first.image.shape) > 0 and np.isfinite(first.image).all()
        assert first.boxes.shape[0] == first.classes.shape[0] <= 4 * count
        if masked:
            assert first.masks.shape == (first.boxes.shape[0], *first.image.shape[:2])
        else:
            assert first.masks is None
        np.testing.assert_array_equal(first.image, again.image)
        np.testing.assert_array_equal(first.boxes, again.boxes)


@pytest.mark.parametrize("name", sorted(MOVES))
def test_a_step_that_only_moves_pixels_does_the_same_to_bytes(name: str) -> None:
    text = STEPS.get(name, f"{name} {{ }}")
    augmentations = build_augmentations(steps(f"data_augmentation_options {{ {text} }}"))
    before = example(masks=True)
    for number in range(4):
        floats = augmentations.apply(before, seed(number))
        as_bytes = augmentations.apply(before._replace(image=tf.cast(before.image, tf.uint8)), seed(number))
        assert as_bytes.image.dtype == tf.uint8
        np.testing.assert_array_equal(as_bytes.image, floats.image)
        for one, other in zip(as_bytes[1:], floats[1:], strict=True):
            np.testing.assert_array_equal(one, other)


GEOMETRY = (
    "random_horizontal_flip { probability: 1 }",
    "random_vertical_flip { probability: 1 }",
    "random_rotation90 { probability: 1 }",
    "random_crop_image { min_object_covered: 0.5 overlap_thresh: 0.3 }",
    "random_crop_to_aspect_ratio { aspect_ratio: 0.8 }",
    "random_pad_image { }",
    "random_absolute_pad_image { max_height_padding: 20 max_width_padding: 30 }",
    "random_crop_pad_image { min_object_covered: 0.4 }",
    "ssd_random_crop { }",
    "ssd_random_crop_pad { }",
    "ssd_random_crop_fixed_aspect_ratio { }",
    "ssd_random_crop_pad_fixed_aspect_ratio { }",
    "random_image_scale { }",
    "random_resize_method { target_height: 120 target_width: 90 }",
    "resize_image { new_height: 120 new_width: 90 }",
    "random_downscale_to_target_pixels { min_target_pixels: 2000 max_target_pixels: 4000 }",
    "random_square_crop_by_scale { max_border: 40 scale_min: 0.9 }",
    "random_scale_crop_and_pad_to_square { output_size: 90 scale_min: 0.8 }",
    "random_self_concat_image { concat_vertical_probability: 1 concat_horizontal_probability: 1 }",
)


@pytest.mark.parametrize("text", GEOMETRY, ids=[text.split(" ")[0] for text in GEOMETRY])
def test_masks_stay_on_their_pixels_and_within_their_boxes(text: str) -> None:
    augmentations = build_augmentations(steps(f"data_augmentation_options {{ {text} }}"))
    before = example(masks=True)
    compared = 0
    for number in range(8):
        image, boxes, classes, masks = augmentations.apply(before, seed(number))
        assert masks.shape == (len(boxes), *image.shape[:2]) and len(classes) == len(boxes)
        for mask, box in zip(masks.numpy() > 0.5, boxes.numpy(), strict=True):
            rows, columns = np.nonzero(mask)
            sides = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
            size = np.tile(mask.shape, 2)
            # a resize shifts the last row or column by about one
            np.testing.assert_allclose(sides, np.clip(box, 0, 1) * size, atol=2.1)
            compared += 1
        inside = image.numpy()[masks.numpy().any(0)]
        assert len(boxes) == 0 or np.mean(inside[:, 0] > 100.0) > 0.9
    assert compared >= 4


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("random_pad_image { min_image_height: 5 }", "min_image_width is not set"),
        ("random_pad_image { pad_color: [1, 2] }", "pad_color has 2 values"),
        ("random_crop_pad_image { min_padded_size_ratio: 1 }", "min_padded_size_ratio has 1 values"),
        ("normalize_image { original_minval: 0 }", "original_maxval is not set"),
        ("normalize_image { original_minval: 2 original_maxval: 2 }", "are both 2"),
        ("subtract_channel_mean { means: 1 }", "means has 1 values"),
        ("resize_image { }", "new_height is not set"),
        ("remap_labels { }", "new_label is not set"),
    ],
)
def test_settings_that_cannot_be_used_are_a_persons_error(text: str, what: str) -> None:
    with pytest.raises(BadInput, match=what) as error:
        build_augmentations(steps(f"data_augmentation_options {{ {text} }}"))
    assert "data_augmentation_options" in error.value.where


@pytest.mark.skipif(not UPSTREAM.is_dir(), reason=f"no configs in {UPSTREAM}")
def test_every_option_of_the_zoos_configs_is_applied() -> None:
    used: set[str] = set()
    for path in UPSTREAM.rglob("*.config"):
        try:
            config = read_pipeline_config(path)
        except BadInput:  # of another project
            continue
        augmentations = build_augmentations(config.train_config.data_augmentation_options)
        assert augmentations.not_applied == (), path.name
        used.update(augmentations.names)
    assert len(used) == 11


def test_a_square_crop_moves_boxes_with_pixels() -> None:
    augmentations = build_augmentations(
        steps("""data_augmentation_options { random_square_crop_by_scale { max_border: 40
                 scale_min: 0.9 scale_max: 1.2 } }""")
    )
    whole = 0
    for number in range(12):
        image, boxes, *_ = augmentations.apply(example(), seed(number))
        assert image.shape[0] == image.shape[1]
        if boxes.shape[0] and boxes.numpy().min() > 0.0 and boxes.numpy().max() < 1.0:
            np.testing.assert_allclose(boxes[0], bright_box(image), atol=1e-5)
            whole += 1
    assert whole > 3
