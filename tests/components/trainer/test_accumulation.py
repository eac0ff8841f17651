"""A batch in parts gives what the whole batch gives."""

from __future__ import annotations

import pytest
import tensorflow as tf

from components.trainer.accumulation import sum_over_parts
from components.trainer.devices import Devices
from components.trainer.division import Indivisible, check_division
from components.trainer.options import TrainOptions
from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from tests.components.trainer.divided_batches import MODELS, distance, train


@pytest.mark.parametrize("parts", [1, 2, 6])
def test_sums_what_each_part_gives_in_a_graph(parts: int) -> None:
    sizes: list[int | None] = []
    offset = tf.constant(1.0)

    def compute(batch: tuple[tf.Tensor, dict[str, tf.Tensor]]) -> dict[str, tf.Tensor | None]:
        values, named = batch
        sizes.append(values.shape[0])
        rows = tf.cast(tf.shape(values)[0], tf.float32)
        return {"total": tf.reduce_sum(values * named["b"]), "calls": offset, "none": None, "most": rows}

    @tf.function
    def run() -> dict[str, tf.Tensor | None]:
        batch = (tf.reshape(tf.range(12.0), [6, 2]), {"b": tf.constant([[1.0], [1], [1], [10], [10], [10]])})
        return sum_over_parts(compute, batch, parts)

    found = run()
    assert found["none"] is None and float(found["calls"]) == parts and float(found["most"]) == 6
    assert float(found["total"]) == 15 + 510
    assert sizes == [6 // parts]


@pytest.mark.slow
def test_hard_examples_and_averages_are_those_of_the_whole_batch() -> None:
    whole, parts = train("hard_examples"), train("hard_examples", parts=4)
    assert distance(whole, parts) < 1e-5
    assert len({row["loss"] for row in whole.losses}) == 3
    assert all(row["gradient_norm"] > 2.0 for row in whole.losses)  # clipped


@pytest.mark.slow
@pytest.mark.parametrize("name", ["focal", "faster_rcnn", "od_api"])
def test_other_losses_are_those_of_the_whole_batch(name: str) -> None:
    assert distance(train(name), train(name, parts=2)) < 1e-5


class Job:
    """What check_division reads of a TrainingJob."""

    def __init__(self, batch_size: int, accumulate: int) -> None:
        self.batch_size = batch_size
        self.options = TrainOptions(accumulate=accumulate)
        self.train_masks = False


def test_what_cannot_be_divided_is_refused() -> None:
    devices = Devices(tf.distribute.get_strategy(), "CPU", None)
    detector = build_detector(parse_pipeline_config(MODELS["focal"], "tests").model)
    check_division(Job(7, 1), devices, detector)
    with pytest.raises(Indivisible, match="batch norm that trains") as error:
        check_division(Job(8, 2), devices, detector)
    assert error.value.where == "train.accumulate"
    detector.freeze_batch_norm = True
    check_division(Job(8, 2), devices, detector)
    with pytest.raises(Indivisible, match="7 images can't be divided into 2 equal parts") as error:
        check_division(Job(7, 2), devices, detector)
    assert "set train.batch_size to 8" in error.value.fix
    masks = Job(8, 2)
    masks.train_masks = True
    with pytest.raises(Indivisible, match="parts: the mask loss is divided by proposals"):
        check_division(masks, devices, detector)
    detector.indivisible = "one is drawn"
    with pytest.raises(Indivisible, match="can't be computed in parts: one is drawn"):
        check_division(Job(8, 2), devices, detector)
    check_division(Job(8, 1), devices, detector)
