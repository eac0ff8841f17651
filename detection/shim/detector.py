"""A detector whose computation is the OD API's own TF1 code, with the interface of the native ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import tensorflow as tf

from detection.context import side_inputs
from detection.detector import Detector, Groundtruth, Tensors
from detection.postprocess import LABEL_ID_OFFSET
from detection.shim.liveness import live_names
from detection.shim.padding import take_padding
from detection.shim.slim_graph import Mode, SlimGraph, cannot_build
from detection.tf1.names import keras_path

DETECTIONS = (
    "detection_boxes",
    "detection_scores",
    "detection_classes",
    "detection_multiclass_scores",
    "detection_masks",
    "num_detections",
    "raw_detection_boxes",
    "raw_detection_scores",
)


class ShimDetector(Detector):
    """A single-shot detector of the OD API; ShimTwoStageDetector is the other kind.

    All variables that its detections depend on exist once it is built, under their TF1 names. It computes in
    float32 whatever the policy.

    Attributes:
      freeze_batch_norm: starts as False, which leaves it to the config.
    """

    def __init__(self, model_config: Any, *, name: str = "ssd") -> None:
        """`model_config` is a DetectionModel proto, with the number of classes the detector shall have."""
        unpadded_config = type(model_config)()
        unpadded_config.CopyFrom(model_config)
        config = getattr(unpadded_config, model_config.WhichOneof("model"))
        super().__init__(num_classes=config.num_classes, name=name)
        self.dtype_policy = "float32"
        self._padding = take_padding(config.image_resizer)
        self.has_one_input_size = (
            config.image_resizer.WhichOneof("image_resizer_oneof") == "fixed_shape_resizer"
        )
        self._slim = SlimGraph(unpadded_config)
        self._proto = config
        self.indivisible = self._why_indivisible()

    def _why_indivisible(self) -> str | None:
        if self._proto.normalize_loss_by_num_matches and self._proto.loss.HasField("random_example_sampler"):
            return "random_example_sampler draws, while it computes, what the losses are divided by"
        return None

    def batch_norm_trains(self) -> bool:
        """Whether the statistics of some batch norm may move in training."""
        return not self.freeze_batch_norm and any(name.endswith("/moving_mean") for name in self._live)

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Create all variables, by tracing the detection of an image without running it.

        BadInput if the OD API's code can't do it.
        """
        specification = tf.TensorSpec([1, None, None, 3], tf.uint8)
        try:
            traced = tf.function(self._detect, autograph=False).get_concrete_function(specification)
        except (TypeError, ValueError) as error:
            raise cannot_build(error) from error
        variables = self._slim.variables()
        self._live = frozenset(live_names(traced, variables))
        self._unread = _Holder(list(self.unread_variables().values()))
        for tf1_name in sorted(self._live):
            setattr(self, tf1_name, _as_keras(tf1_name, variables[tf1_name]))
        self.built = True

    def unread_variables(self) -> dict[str, tf.Variable]:
        """The variables that the OD API's code creates for layers that feed nothing."""
        variables = self._slim.variables()
        return {name: variables[name] for name in sorted(variables) if name not in self._live}

    def _detect(self, images: tf.Tensor) -> Tensors:
        return self.postprocess(self.call(self.preprocess(images)))

    def call(self, preprocessed: tf.Tensor, training: bool = False) -> Tensors:
        """Raw predictions for `[B, H, W, 3]` float32, by the OD API's names."""
        shapes = image_shapes(preprocessed)
        network_input = self._padded(preprocessed)
        found = self._run(training, lambda model: model.predict(network_input, shapes))
        return self._predictions(found, shapes)

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 or float32 images `[B, h, w, 3]` of 0..255 -> the network's input `[B, H, W, 3]` float32.

        Without padding, which the network adds itself.
        """
        return self._run(False, lambda model: model.preprocess(tf.cast(images, tf.float32))[0])

    def _padded(self, preprocessed: tf.Tensor) -> tf.Tensor:
        if self._padding is None:
            return preprocessed
        extractor = self._slim.model(Mode(masks=self.has_masks))._feature_extractor
        return self._padding.pad(preprocessed, extractor.preprocess)

    def postprocess(self, predictions: Tensors) -> Tensors:
        """Detections from raw predictions, with label map ids; keys as the native detectors'."""
        inputs = dict(predictions)
        shapes = inputs.pop("image_shapes")
        return self._run(False, lambda model: as_detections(model.postprocess(inputs, shapes)))

    def compute_losses(
        self,
        preprocessed: tf.Tensor,
        groundtruth: Groundtruth,
        training: bool = False,
        *,
        divisor: tf.Tensor | None = None,
        draw: tf.Tensor | int = 0,
    ) -> Tensors:
        """The OD API's losses on preprocessed images, each a float32 scalar.

        Args:
          preprocessed: `[B, H, W, 3]` float32; where B is unknown, the mean over single images is taken.
          groundtruth: as TargetAssigner.assign takes it; "masks" `[B, M, H, W]` where masks are learned,
            M no less than the objects of any image.
            A Mask R-CNN without them learns boxes and classes only.
          training: whether batch norm, dropout and sampling are those of training.
          divisor: `loss_divisor` of the batch that the images are a part of; without it, theirs. The mask
            loss does not add up over parts.
          draw: not read, since the OD API's samplers take TensorFlow's own random numbers.

        Returns:
          the losses by native names: "localization_loss", "classification_loss", for two stages also
          "rpn_localization_loss" and "rpn_objectness_loss", for masks "mask_loss".
        """
        if preprocessed.shape[0] is None:

            def of_one(image: tuple[tf.Tensor, Groundtruth]) -> Tensors:
                pixels, rows = tf.nest.map_structure(lambda value: value[tf.newaxis], image)
                return self._batch_losses(pixels, rows, training, divisor)[0]

            names = self._loss_names(self._learns_masks(groundtruth))
            losses = tf.map_fn(
                of_one, (preprocessed, groundtruth), fn_output_signature=dict.fromkeys(names, tf.float32)
            )
            over_images = tf.reduce_mean if divisor is None else tf.reduce_sum
            return {name: over_images(values) for name, values in losses.items()}
        return self._batch_losses(preprocessed, groundtruth, training, divisor)[0]

    def losses_and_predictions(
        self, preprocessed: tf.Tensor, groundtruth: Groundtruth, *, divisor: tf.Tensor | None = None
    ) -> tuple[Tensors, Tensors]:
        """What `compute_losses` and `call` (of two stages: `first_stage`) give in training, of one run.

        The arguments are those of compute_losses, for a batch of known size.
        """
        return self._batch_losses(preprocessed, groundtruth, True, divisor)

    def loss_divisor(self, groundtruth: Groundtruth) -> tf.Tensor:
        """The sum of matched weights, float32 scalar; 0 where the losses are not divided by it."""
        if not self._proto.normalize_loss_by_num_matches:
            return tf.zeros([])
        image = self._padded(self.preprocess(tf.zeros([1, 1, 1, 3])))

        def matched_weights(model: Any) -> tf.Tensor:
            model.predict(image, image_shapes(image))  # for the anchors: nothing else of it is computed
            rows = rows_by_image(groundtruth, self.num_classes)
            names = ("groundtruth_boxes_list", "groundtruth_classes_list", "groundtruth_weights_list")
            boxes, classes, weights = (rows[name] for name in names)
            return tf.reduce_sum(model._assign_targets(boxes, classes, None, weights)[3])

        return self._run(False, matched_weights)

    def _learns_masks(self, groundtruth: Groundtruth) -> bool:
        return self.has_masks and "masks" in groundtruth

    def _loss_names(self, masks: bool) -> tuple[str, ...]:
        return ("localization_loss", "classification_loss")

    def _batch_losses(
        self, preprocessed: tf.Tensor, groundtruth: Groundtruth, training: bool, divisor: tf.Tensor | None
    ) -> tuple[Tensors, Tensors]:
        shapes = image_shapes(preprocessed)
        network_input = self._padded(preprocessed)
        if self._padding is not None:
            groundtruth = self._padding.pad_groundtruth(groundtruth, shapes[0, :2])

        def losses(model: Any) -> tuple[Tensors, Tensors]:
            model.provide_groundtruth(**rows_by_image(groundtruth, self.num_classes))
            found = model.predict(network_input, shapes, **side_inputs(groundtruth))
            if divisor is None:
                return model.loss(found, shapes), self._predictions(found, shapes)
            return self._part_of_losses(model, found, shapes, divisor), self._predictions(found, shapes)

        found, predictions = self._run(training, losses, masks=self._learns_masks(groundtruth))
        return {_loss_name(name): loss for name, loss in found.items()}, predictions

    def _part_of_losses(self, model: Any, found: Tensors, shapes: tf.Tensor, divisor: tf.Tensor) -> Tensors:
        """What images with these predictions of the OD API's `model` add to a batch's losses."""
        with replaced(model, "_normalize_loss_by_num_matches", False):
            sums = model.loss(found, shapes)
        if not self._proto.normalize_loss_by_num_matches:
            return sums
        return {name: loss / tf.maximum(divisor, 1.0) for name, loss in sums.items()}

    def _predictions(self, found: Tensors, shapes: tf.Tensor) -> Tensors:
        """Of the OD API's model, as `call` or `first_stage` returns them."""
        return found | {"image_shapes": shapes}

    def regularization_loss(self) -> tf.Tensor:
        """Sum of the kernels' regularisation losses as slim collects them, a float32 scalar.

        Without those of kernels that feed nothing.
        """
        losses = self._slim.regularization_losses()
        return tf.add_n([tf.zeros([]), *(loss for name, loss in losses.items() if name in self._live)])

    def _run(self, training: bool, function: Callable[[Any], Any], *, masks: bool | None = None) -> Any:
        with_masks = self.has_masks if masks is None else masks
        mode = Mode(bool(training), bool(training) and not self.freeze_batch_norm, with_masks)
        model = self._slim.model(mode)
        return self._slim.run(lambda: function(model))


@contextmanager
def replaced(model: Any, name: str, value: Any) -> Iterator[None]:
    """Within, the OD API's `model` has `value` in place of its attribute or method `name`."""
    own = dict(vars(model))
    setattr(model, name, value)
    try:
        yield
    finally:
        delattr(model, name)
        if name in own:
            setattr(model, name, own[name])


class _Holder(tf.Module):
    """Variables that the code creates and nothing reads: exports must hold them, training must not."""

    def __init__(self, variables: list[tf.Variable]) -> None:
        super().__init__()
        self.held = variables


def _as_keras(tf1_name: str, variable: tf.Variable) -> keras.Variable:
    """The same variable for Keras, under the path that a native model would give it."""
    *scopes, leaf = (keras_path(tf1_name) or tf1_name).split("/")
    with ExitStack() as stack:
        for scope in scopes:
            stack.enter_context(keras.name_scope(scope))
        return keras.Variable(variable, trainable=variable.trainable, autocast=False, name=leaf)


def image_shapes(preprocessed: tf.Tensor) -> tf.Tensor:
    """The shape of each image of a batch `[B, H, W, 3]` without padding, `[B, 3]` int32."""
    shape = tf.shape(preprocessed)
    return tf.tile(shape[tf.newaxis, 1:], [shape[0], 1])


def as_detections(values: Tensors) -> Tensors:
    """The OD API's detections as its exporter gives them."""
    found = {name: tf.cast(values[name], tf.float32) for name in DETECTIONS if name in values}
    return found | {"detection_classes": found["detection_classes"] + LABEL_ID_OFFSET}


def rows_by_image(groundtruth: Groundtruth, num_classes: int) -> dict[str, list[tf.Tensor]]:
    """The arguments of DetectionModel.provide_groundtruth, one tensor an image, without padding rows.

    The batch of "boxes" `[B, N, 4]`, "classes" `[B, N]` (ids from 1, 0 in padding), "weights" `[B, N]` and
    perhaps "masks" `[B, M, H, W]` must be of known size.
    """
    rows = {name: tf.unstack(values) for name, values in groundtruth.items()}
    real = [classes > 0 for classes in rows["classes"]]

    def lists(name: str) -> list[tf.Tensor]:
        # there may be fewer masks than rows: the padding has none
        return [
            tf.boolean_mask(values, keep[: tf.shape(values)[0]])
            for values, keep in zip(rows[name], real, strict=True)
        ]

    given = {
        "groundtruth_boxes_list": lists("boxes"),
        "groundtruth_classes_list": [tf.one_hot(ids - 1, num_classes) for ids in lists("classes")],
        "groundtruth_weights_list": lists("weights"),
    }
    return given | ({"groundtruth_masks_list": lists("masks")} if "masks" in rows else {})


def _loss_name(name: str) -> str:
    """`Loss/RPNLoss/objectness_loss` -> `rpn_objectness_loss`."""
    leaf = name.rsplit("/", 1)[-1]
    return f"rpn_{leaf}" if "/RPNLoss/" in name else leaf
