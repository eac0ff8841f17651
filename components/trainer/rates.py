"""Each variable's part of the learning rate: less for what the TF1 model knows, all of it for fresh heads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import keras

from components.checkpoint_converter.class_head import class_ids
from components.checkpoint_converter.report import ClassHead, ConversionReport
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
      entries: parts of `factor` for each entry of the variable's last axis; empty where it has all of it.
    """

    factor: float = 1.0
    first_step: int = 0
    entries: tuple[float, ...] = ()


FULL_RATE = VariableRate()


@dataclass(frozen=True)
class Restored:
    """What of the model the conversion restored, and what of that the training data shows.

    Attributes:
      fresh: TF1 names of the variables that were not restored, or only in the rows of some classes.
      head: how the class head was carried over; None if it is not known.
      shown: label map ids of the classes of which the training data has an object.
    """

    fresh: frozenset[str] = frozenset()
    head: ClassHead | None = None
    shown: frozenset[int] = frozenset()


def what_was_restored(conversion: ConversionReport | None, objects: Mapping[int, int]) -> Restored:
    """What the conversion's report says; nothing is fresh without a report.

    Args:
      conversion: its report, if there is one.
      objects: how many the training data has, by class id.
    """
    if conversion is None:
        return Restored()
    return Restored(
        frozenset(variable.name for variable in conversion.of_state("fresh")),
        conversion.class_head,
        frozenset(label for label, count in objects.items() if count),
    )


def variable_rates(
    detector: Detector, trained: Sequence[keras.Variable], options: TrainOptions, known: Restored
) -> dict[str, VariableRate]:
    """How each variable of `trained` trains, by its path.

    `restored_rate` is for variables beside fresh ones: where nothing is fresh, the rate was chosen for what
    is there, and all of it is used. A class head is fresh only in the rows of new classes. The rows of a
    class that the TF1 model knew and the training data does not show are held: all that they could learn is
    that everything is another's. `restored_rate: 1`, or `block_rates` for the class head, lets them train.

    Raises:
      BadInput: a block of `block_rates` or `unfreeze` that does not train, a block that `unfreeze` has
        twice, or nothing that trains from the beginning.
    """
    by_block = blocks_of(detector, trained)
    _check_blocks(options.block_rates, by_block, "train.block_rates")
    starts = first_steps(options, by_block)
    names = {variable.path: tf1_name(variable.path, detector.name) for variable in trained}
    beside_fresh = any(name in known.fresh for name in names.values())
    chosen: dict[str, float] = dict(options.block_rates.items())
    rates: dict[str, VariableRate] = {}
    for block, variables in by_block.items():
        for variable in variables:
            name = names[variable.path]
            restored = beside_fresh and name not in known.fresh
            factor = chosen.get(block, options.restored_rate if restored else 1.0)
            guarded = block not in chosen and options.restored_rate < 1.0
            entries = _entries(name, variable.shape, options.restored_rate, known) if guarded else ()
            rates[variable.path] = VariableRate(factor, starts.get(block, 0), entries)
    return rates


def _entries(name: str, shape: Sequence[int], restored_rate: float, known: Restored) -> tuple[float, ...]:
    """The parts of a class head's rows; empty if all have the same, or `name` is no class head's."""
    if known.head is None or not known.head.carried or not shape:
        return ()
    ids = class_ids(name, shape[-1], known.head)
    if ids is None:
        return ()
    # where all rows were restored, the factor of the variable says so already
    slower = restored_rate if name in known.fresh else 1.0
    parts = {0: slower}
    for row in known.head.rows:
        held = row.source_id is not None and row.id not in known.shown
        parts[row.id] = 1.0 if row.source_id is None else 0.0 if held else slower
    entries = tuple(parts[int(label)] for label in ids)
    return entries if set(entries) != {1.0} else ()


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
