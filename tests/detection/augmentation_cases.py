"""The options that the augmentations are compared on with the OD API's own, as proto text."""

from __future__ import annotations

from string import Template

# Steps to which the OD API gives no masks, or as if they were an image: what it makes of them fits nothing.
WITHOUT_MASKS = (
    "random_crop_pad_image",
    "random_image_scale",
    "random_resize_method",
    "random_self_concat_image",
    "ssd_random_crop_pad",
)

_SHORT = {
    "CROP": "min_object_covered: 0.3 min_aspect_ratio: 0.5 max_aspect_ratio: 2 min_area: 0.2 max_area: 1.0",
    # a crop of the whole image: there is no other of this area
    "WHOLE": "min_object_covered: 0 min_area: 1 max_area: 1 min_aspect_ratio: 1.3 max_aspect_ratio: 1.4",
    "SQUARE": "min_object_covered: 0.1 min_area: 0.1 max_area: 0.8 overlap_thresh: 0.2",
}


def _texts(templates: dict[str, str]) -> dict[str, str]:
    return {name: Template(text).substitute(_SHORT) for name, text in templates.items()}


# Steps without chance: one outcome.
FIXED = _texts(
    {
        "gamma": "adjust_gamma { gamma: 1.7 gain: 0.9 }",
        "normalize": (
            "normalize_image { original_minval: 5 original_maxval: 200 target_minval: -1 target_maxval: 1 }"
        ),
        "channel mean": "subtract_channel_mean { means: [123.68, 116.779, 103.939] }",
        "resize bilinear": "resize_image { new_height: 17 new_width: 9 }",
        "resize area": "resize_image { new_height: 5 new_width: 9 method: AREA }",
        "resize bicubic": "resize_image { new_height: 17 new_width: 21 method: BICUBIC }",
        "resize nearest": "resize_image { new_height: 17 new_width: 9 method: NEAREST_NEIGHBOR }",
        "remap": "remap_labels { original_labels: [1, 3] new_label: 3 }",
        "remap in turn": "remap_labels { original_labels: [2, 1] new_label: 2 }",
        "drop": "drop_label_probabilistically { label: 1 }",
        "jitter by nothing": "random_jitter_boxes { ratio: 0 }",
        "turn": "random_rotation90 { probability: 1 }",
        "concat both": (
            "random_self_concat_image { concat_vertical_probability: 1 concat_horizontal_probability: 1 }"
        ),
        "image scale": "random_image_scale { min_scale_ratio: 1.5 max_scale_ratio: 1.5 }",
        "absolute pad by one": "random_absolute_pad_image { }",
        "all black": "random_black_patches { max_black_patches: 1 probability: 1 size_to_image_ratio: 1 }",
        "pad to aspect": (
            "ssd_random_crop_pad_fixed_aspect_ratio { aspect_ratio: 0.7 min_padded_size_ratio: [1, "
            "1] max_padded_size_ratio: [1, 1] operations { $WHOLE } }"
        ),
    }
)

# Steps with few outcomes, all of which are seen.
FEW = _texts(
    {
        "turn": "random_rotation90 { }",
        "absolute pad": "random_absolute_pad_image { max_height_padding: 3 max_width_padding: 3 }",
        "absolute pad in color": (
            "random_absolute_pad_image { max_height_padding: 4 pad_color: [9, 80, 250] }"
        ),
        "pad": (
            "random_pad_image { min_image_height: 13 min_image_width: 17 max_image_height: 15 "
            "max_image_width: 18 }"
        ),
        "pad to less": (
            "random_pad_image { max_image_height: 5 max_image_width: 18 min_image_height: 3 "
            "min_image_width: 4}"
        ),
        "pad to more and less": (
            "random_pad_image { min_image_height: 15 min_image_width: 4 max_image_height: 14 "
            "max_image_width: 17 pad_color: [1, 2, 3] }"
        ),
        "crop and pad": "random_crop_pad_image { $WHOLE max_padded_size_ratio: [1.25, 1.1] }",
        "crop and pad below": (
            "random_crop_pad_image { $WHOLE min_padded_size_ratio: [0.5, 0.5] max_padded_size_ratio: "
            "[0.9, 1.2] pad_color: [4, 5, 6] }"
        ),
        "crop to square": "random_crop_to_aspect_ratio { }",
        "crop to tall": (
            "random_crop_to_aspect_ratio { aspect_ratio: 0.8 overlap_thresh: 0.6 clip_boxes: false }"
        ),
        "crop to wide": "random_crop_to_aspect_ratio { aspect_ratio: 1.7 overlap_thresh: 0 }",
        "square crop": (
            "random_square_crop_by_scale { max_border: 6 scale_min: 0.5 scale_max: 1.2 num_scales: 2 }"
        ),
        "square crop off the border": (
            "random_square_crop_by_scale { max_border: 32 scale_min: 1.3 num_scales: 1 }"
        ),
        "scale to square": (
            "random_scale_crop_and_pad_to_square { output_size: 9 scale_min: 0.7 scale_max: 1.2 }"
        ),
        "resize method": "random_resize_method { target_height: 7 target_width: 21 }",
        "image scale": "random_image_scale { min_scale_ratio: 0.8 max_scale_ratio: 1.1 }",
        "downscale": (
            "random_downscale_to_target_pixels { min_target_pixels: 90 max_target_pixels: 96 "
            "random_coef: 0.3 }"
        ),
        "downscale to more": (
            "random_downscale_to_target_pixels { min_target_pixels: 185 max_target_pixels: 200 }"
        ),
        "downscale by default": "random_downscale_to_target_pixels { }",
        "jpeg": "random_jpeg_quality { min_jpeg_quality: 20 max_jpeg_quality: 24 random_coef: 0.3 }",
        "concat": (
            "random_self_concat_image { concat_vertical_probability: 0.3 concat_horizontal_probability: 0.6 }"
        ),
        "drop some": "drop_label_probabilistically { label: 3 drop_probability: 0.3 }",
        "black patch": (
            "random_black_patches { max_black_patches: 1 size_to_image_ratio: 0.7 probability: 0.8 }"
        ),
        "flip": "random_horizontal_flip { probability: 0.3 }",
    }
)

# Steps with too many outcomes to see each.
MANY = _texts(
    {
        "pixel values": "random_pixel_value_scale { minval: 0.5 maxval: 1.4 }",
        "black patches": "random_black_patches { max_black_patches: 6 size_to_image_ratio: 0.35 }",
        "patch gaussian": "random_patch_gaussian { min_patch_size: 2 max_patch_size: 20 random_coef: 0.2 }",
        "weak patch gaussian": (
            "random_patch_gaussian { max_patch_size: 6 min_gaussian_stddev: 0.05 max_gaussian_stddev: 0.1 }"
        ),
        "jitter": "random_jitter_boxes { ratio: 0.2 }",
        "jitter outwards": "random_jitter_boxes { ratio: 0.2 jitter_mode: EXPAND }",
        "jitter inwards": "random_jitter_boxes { ratio: 0.3 jitter_mode: SHRINK }",
        "jitter outwards alike": "random_jitter_boxes { ratio: 0.2 jitter_mode: EXPAND_SYMMETRIC }",
        "jitter inwards alike": "random_jitter_boxes { ratio: 0.2 jitter_mode: SHRINK_SYMMETRIC }",
        "jitter outwards all alike": "random_jitter_boxes { ratio: 0.2 jitter_mode: EXPAND_SYMMETRIC_XY }",
        "jitter inwards all alike": "random_jitter_boxes { ratio: 0.2 jitter_mode: SHRINK_SYMMETRIC_XY }",
        "crop": "random_crop_image { $CROP overlap_thresh: 0.4 random_coef: 0.2 }",
        "pad": "random_pad_image { }",
        "crop and pad": "random_crop_pad_image { $CROP random_coef: 0.3 }",
        "ssd crop": "ssd_random_crop { }",
        "ssd crop and pad": "ssd_random_crop_pad { }",
        "ssd crop and pad by two": (
            "ssd_random_crop_pad { operations { $CROP min_padded_size_ratio: [1, 1] "
            "max_padded_size_ratio: [1.5, 1.2] pad_color_g: 99 } operations { $CROP "
            "min_padded_size_ratio: [1.2, 1] max_padded_size_ratio: [2, 2] random_coef: 0.5 } }"
        ),
        "ssd crop of a ratio": "ssd_random_crop_fixed_aspect_ratio { aspect_ratio: 2 }",
        "ssd crop of two ratios": (
            "ssd_random_crop_fixed_aspect_ratio { aspect_ratio: 0.8 operations { $SQUARE } "
            "operations { $SQUARE random_coef: 0.4 } }"
        ),
        "ssd crop and pad to a ratio": "ssd_random_crop_pad_fixed_aspect_ratio { aspect_ratio: 1.5 }",
        "ssd crop and pad to a ratio by two": (
            "ssd_random_crop_pad_fixed_aspect_ratio { min_padded_size_ratio: [1.1, 1.2] "
            "max_padded_size_ratio: [1.6, 3] operations { $CROP } operations { $CROP random_coef: "
            "0.6 } }"
        ),
        "square crop": "random_square_crop_by_scale { }",
        "scale to square": "random_scale_crop_and_pad_to_square { output_size: 24 scale_min: 0.5 }",
        "brightness": "random_adjust_brightness { }",
        "contrast": "random_adjust_contrast { }",
        "hue": "random_adjust_hue { max_delta: 0.3 }",
        "saturation": "random_adjust_saturation { }",
        "distorted color": "random_distort_color { }",
        "distorted color, other order": "random_distort_color { color_ordering: 1 }",
        "gray": "random_rgb_to_gray { probability: 0.4 }",
    }
)
