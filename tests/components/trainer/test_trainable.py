"""What is trained, what stays frozen, and how gradients are clipped."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.loss_scale import LossScale
from components.trainer.optimizer import Momentum
from components.trainer.schedule import ManualStep
from components.trainer.trainable import DetectorTrainer, select_trained
from detection.errors import BadInput
from detection.tf1.names import tf1_name


class Convolution(keras.layers.Layer):
    """Scales its input by a kernel and adds a bias."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.kernel = self.add_weight(name="kernel", shape=[], initializer="ones")
        self.bias = self.add_weight(name="bias", shape=[], initializer="zeros")

    def call(self, values: tf.Tensor) -> tf.Tensor:
        return values * self.kernel.value + self.bias.value


class Extractor(keras.layers.Layer):
    """Two convolutions in the scope FeatureExtractor."""

    def __init__(self) -> None:
        super().__init__(name="FeatureExtractor")
        self.first = Convolution(name="Conv")
        self.second = Convolution(name="Conv_1")

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.first.build(input_shape)
        self.second.build(input_shape)

    def call(self, values: tf.Tensor) -> tf.Tensor:
        return self.second(self.first(values))


class Detector(keras.Model):
    """Has a detector's interface; its loss is the distance of the mean prediction from the first box."""

    def __init__(self) -> None:
        super().__init__(name="tiny")
        self.extractor = Extractor()
        self.head = Convolution(name="BoxPredictor")
        self(tf.zeros([1, 2, 2, 3]))

    def call(self, images: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        return {"box_encodings": self.head(self.extractor(images))}

    def compute_losses(
        self,
        preprocessed: tf.Tensor,
        groundtruth: dict[str, tf.Tensor],
        training: bool = False,
        draw: tf.Tensor | int = 0,
    ) -> dict[str, tf.Tensor]:
        means = tf.reduce_mean(self(preprocessed, training=training)["box_encodings"], [1, 2, 3])
        error = tf.reduce_mean(tf.square(means - groundtruth["boxes"][:, 0, 0]))
        return {"localization_loss": error, "classification_loss": tf.constant(2.0)}

    def losses_and_detections(
        self, preprocessed: tf.Tensor, groundtruth: dict[str, tf.Tensor]
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        return self.compute_losses(preprocessed, groundtruth), {}

    def regularization_loss(self) -> tf.Tensor:
        return 0.5 * tf.square(self.head.kernel.value)


def batches(*sizes: int) -> tf.data.Dataset:
    def elements() -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
        return [
            (np.ones([size, 2, 2, 3], np.float32), {"boxes": np.full([size, 5, 4], size, np.float32)})
            for size in sizes
        ]

    signature = (tf.TensorSpec([None, 2, 2, 3]), {"boxes": tf.TensorSpec([None, 5, 4])})
    return tf.data.Dataset.from_generator(elements, output_signature=signature)


def values(detector: Detector) -> dict[str, float]:
    return {tf1_name(variable.path, detector.name): float(variable.value) for variable in detector.variables}


def test_names_are_those_of_tf1() -> None:
    assert set(values(Detector())) == {
        "FeatureExtractor/Conv/weights",
        "FeatureExtractor/Conv/biases",
        "FeatureExtractor/Conv_1/weights",
        "FeatureExtractor/Conv_1/biases",
        "BoxPredictor/weights",
        "BoxPredictor/biases",
    }


@pytest.mark.parametrize(
    ("freeze", "only", "trained"),
    [
        ([], [], 6),
        (["FeatureExtractor/Conv/"], [], 4),
        (["Conv"], [], 2),
        (["biases$"], ["FeatureExtractor"], 2),
    ],
)
def test_patterns_are_searched_in_names(freeze: list[str], only: list[str], trained: int) -> None:
    assert len(select_trained(Detector(), freeze, only)) == trained


@pytest.mark.parametrize(
    ("pattern", "word"),
    [("FeatureExtractor/Mobilenet", "matches no variable"), ("(", "no regular expression"), (".", "frozen")],
)
def test_bad_patterns_are_named(pattern: str, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        select_trained(Detector(), [pattern])


def test_frozen_variables_stay_and_the_others_move() -> None:
    detector = Detector()
    before = values(detector)
    trainer = DetectorTrainer(detector, select_trained(detector, ["FeatureExtractor/Conv/"]))
    trainer.compile(optimizer=keras.optimizers.SGD(0.01), jit_compile=False)
    trainer.fit(batches(2, 2, 2), verbose=0)
    after = values(detector)
    moved = {name for name in after if after[name] != before[name]}
    assert moved == {name for name in before if not name.startswith("FeatureExtractor/Conv/")}


def test_step_is_the_gradient_of_all_losses() -> None:
    detector = Detector()
    trainer = DetectorTrainer(detector, select_trained(detector, ["FeatureExtractor", "biases"]))
    trainer.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
    trainer.fit(batches(3), verbose=0)
    # prediction 1, target 3: d(1 - 3)^2/dk = -4, plus the regularization's 1
    assert float(detector.head.kernel.value) == pytest.approx(1.0 + 0.1 * 3.0)


def test_regularization_is_left_out_and_gradients_are_clipped() -> None:
    detector = Detector()
    trained = select_trained(detector, ["FeatureExtractor"])
    trainer = DetectorTrainer(detector, trained, clip_norm=1.0, regularize=False)
    trainer.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
    trainer.fit(batches(3), verbose=0)
    # kernel and bias both have the gradient -4: clipped to a norm of 1 together
    assert float(detector.head.kernel.value) == pytest.approx(1.0 + 0.1 / np.sqrt(2.0))
    assert float(detector.head.bias.value) == pytest.approx(0.1 / np.sqrt(2.0))


def test_biases_are_multiplied_before_the_norm_is_clipped() -> None:
    detector = Detector()
    trained = select_trained(detector, ["FeatureExtractor"])
    trainer = DetectorTrainer(detector, trained, clip_norm=1.0, regularize=False, bias_multiplier=3.0)
    trainer.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
    trainer.fit(batches(3), verbose=0)
    # kernel -4 and bias 3 * -4, clipped together
    assert float(detector.head.kernel.value) == pytest.approx(1.0 + 0.1 / np.sqrt(10.0))
    assert float(detector.head.bias.value) == pytest.approx(0.3 / np.sqrt(10.0))


@pytest.mark.parametrize("clip_norm", [0.0, 0.5])
def test_clipped_steps_are_those_of_tf1(clip_norm: float) -> None:
    # what the OD API asks of slim's optimize_loss: the global norm of all gradients, then the optimizer
    detector = Detector()
    trained = select_trained(detector, [])
    start = [variable.numpy() for variable in trained]
    trainer = DetectorTrainer(detector, trained, clip_norm=clip_norm, bias_multiplier=2.0)
    trainer.compile(optimizer=Momentum(ManualStep([5, 9], [0.001, 0.01, 0.0003])), jit_compile=False)
    gradients = []
    for batch in batches(*[3, 1, 2] * 5):
        _, found = trainer.compute_gradients(*batch)
        gradients.append([gradient.numpy() for gradient in found])
        trainer.train_step(batch)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        rate = tf.compat.v1.placeholder(tf.float32, [])
        variables = [
            tf.compat.v1.get_variable(f"v{index}", initializer=value, use_resource=True)
            for index, value in enumerate(start)
        ]
        fed = [tf.compat.v1.placeholder(tf.float32, value.shape) for value in start]
        clipped = tf.clip_by_global_norm(fed, clip_norm)[0] if clip_norm else fed
        update = tf.compat.v1.train.MomentumOptimizer(rate, 0.9).apply_gradients(
            list(zip(clipped, variables, strict=True))
        )
        session.run(tf.compat.v1.global_variables_initializer())
        for step, values_fed in enumerate(gradients):
            rates = 0.001 if step < 5 else 0.01 if step < 9 else 0.0003
            session.run(update, {rate: rates, **dict(zip(fed, values_fed, strict=True))})
        expected = session.run(variables)
    for variable, value in zip(trained, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-5, err_msg=variable.path)


def test_validation_adds_the_losses_up_and_updates_nothing() -> None:
    detector = Detector()
    trainer = DetectorTrainer(detector, select_trained(detector, []))
    before = values(detector)
    losses, detections = trainer.validate(next(iter(batches(3))))
    assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(
        {"loss": 6.5, "localization_loss": 4.0, "classification_loss": 2.0, "regularization_loss": 0.5}
    )
    assert detections == {} and values(detector) == before


def test_a_loss_scale_that_is_too_large_counts_as_a_step_without_an_update() -> None:
    detector = Detector()
    optimizer = keras.optimizers.SGD(0.1)
    trained = select_trained(detector, ["FeatureExtractor", "biases"])
    optimizer.build(trained)
    scale = LossScale(optimizer)
    scale.scale.assign(3e38)
    trainer = DetectorTrainer(detector, trained, loss_scale=scale)
    trainer.compile(optimizer=optimizer, jit_compile=False)
    history = trainer.fit(batches(3), verbose=0).history
    # the gradient -4 of the loss, plus the regularization's 1, times the scale is beyond float32
    assert history["gradient_norm"] == [0.0] and np.isfinite(history["loss"]).all()
    assert float(detector.head.kernel.value) == 1.0 and int(optimizer.iterations) == 1
    assert float(scale.scale) == pytest.approx(1.5e38)
    scale.scale.assign(1024.0)
    trainer.fit(batches(3), verbose=0)
    assert float(detector.head.kernel.value) == pytest.approx(1.0 + 0.1 * 3.0)
    assert (int(optimizer.iterations), float(scale.finite_steps), float(scale.scale)) == (2, 1.0, 1024.0)
