"""Each variable's part of the learning rate: less for what the TF1 model knows, all of it for fresh heads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from components.checkpoint_converter.report import ConversionReport
from components.trainer.options import TrainOptions
from detection.blocks import BLOCKS, block_of
from detection.detector import Detector
from detection.errors import BadInput
from detection.tf1.names import tf1_name


@dataclass(frozen=True)
class VariableRate:
    """How one variable trains.

    Attributes:
      factor: part of the schedule's rate.
      first_step: how many steps are done before it trains.
    """

    factor: float = 1.0
    first_step: int = 0


FULL_RATE = VariableRate()


def fresh_names(converted: Path) -> frozenset[str]:
    """TF1 names of the variables that the conversion could not restore; none without a report.

    A class head counts as fresh even if some of its rows were restored.
    """
    report = converted / "report.json"
    if not report.is_file():
        return frozenset()
    conversion = ConversionReport.model_validate_json(report.read_text(encoding="utf-8"))
    return frozenset(variable.name for variable in conversion.of_state("fresh"))


def variable_rates(
    detector: Detector, trained: Sequence[keras.Variable], options: TrainOptions, fresh: frozenset[str]
) -> dict[str, VariableRate]:
    """How each variable of `trained` trains, by its path.

    `restored_rate` is for variables beside fresh ones: where nothing is fresh, the rate was chosen for what
    is there, and all of it is used.

    Raises:
      BadInput: a block of `block_rates` or `unfreeze` that does not train, a block that `unfreeze` has
        twice, or nothing that trains from the beginning.
    """
    by_block = blocks_of(detector, trained)
    _check_blocks(options.block_rates, by_block, "train.block_rates")
    starts = first_steps(options, by_block)
    names = {variable.path: tf1_name(variable.path, detector.name) for variable in trained}
    beside_fresh = any(name in fresh for name in names.values())
    chosen: dict[str, float] = dict(options.block_rates.items())
    rates: dict[str, VariableRate] = {}
    for block, variables in by_block.items():
        for variable in variables:
            restored = beside_fresh and names[variable.path] not in fresh
            factor = chosen.get(block, options.restored_rate if restored else 1.0)
            rates[variable.path] = VariableRate(factor, starts.get(block, 0))
    return rates


def blocks_of(detector: Detector, variables: Sequence[keras.Variable]) -> dict[str, list[keras.Variable]]:
    """`variables` by block, in the order of computation; blocks without any are left out."""
    blocks: dict[str, list[keras.Variable]] = {block: [] for block in BLOCKS}
    for variable in variables:
        blocks[block_of(tf1_name(variable.path, detector.name))].append(variable)
    return {block: members for block, members in blocks.items() if members}


def first_steps(options: TrainOptions, by_block: Mapping[str, object]) -> dict[str, int]:
    """How many steps are done before a block trains, for those that `unfreeze` names.

    Args:
      options: `unfreeze`.
      by_block: has a key for each block that trains at some time.

    Raises:
      BadInput: a block does not train or is named twice, or nothing trains from the beginning.
    """
    where = "train.unfreeze"
    starts: dict[str, int] = {}
    for entry in options.unfreeze:
        _check_blocks(entry.blocks, by_block, where)
        for block in entry.blocks:
            if block in starts:
                raise BadInput(
                    f"{block} starts to train twice, after steps {starts[block]} and {entry.step}",
                    where,
                    "name each block once",
                )
            starts[block] = entry.step
    if starts and set(by_block) <= set(starts):
        raise BadInput(
            f"nothing would train in the first {min(starts.values())} steps",
            where,
            "leave out a block that trains from the beginning, a head for example",
        )
    return starts


def _check_blocks(named: Iterable[str], by_block: Mapping[str, object], where: str) -> None:
    for block in named:
        if block not in by_block:
            raise BadInput(
                f"this model trains no {block}", where, f"the blocks it trains are: {', '.join(by_block)}"
            )
