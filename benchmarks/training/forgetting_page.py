"""The part of docs/results.md that says what each guard against forgetting keeps."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.training.forgetting_runs import (
    EVAL_PICTURES,
    INPUT_SIDE,
    PICTURES,
    SETTINGS,
    TRAIN_PICTURES,
    VARIANTS,
    Outcome,
)
from benchmarks.training.page_parts import FORGETTING, replace_part


def write_part(outcomes: Sequence[Outcome], page: Path) -> None:
    """Put the part of these fine-tunings into `page`, in place of the one that is there; the rest stays."""
    replace_part(page, FORGETTING, part(outcomes))


def part(outcomes: Sequence[Outcome]) -> str:
    """The Markdown; `outcomes` has one fine-tuning or more."""
    rows = [
        _row(pictures, variant, found)
        for pictures in PICTURES
        for variant in VARIANTS
        if (found := [one for one in outcomes if (one.pictures, one.variant) == (pictures, variant)])
    ]
    steps = outcomes[0].steps
    seconds = statistics.median(one.seconds for one in outcomes)
    return f"""{FORGETTING}

A detector of two drawn road signs, stop and yield, becomes a TF1 checkpoint (`upcycle convert --reverse`,
proved) and is fine-tuned on two others, speed limit and priority road. `data.label_map` has all four, so the
class head keeps the old rows by name. The new pictures show no old sign, or one each that nobody labelled.
The Evaluator measures the old classes on the old evaluation set (`evaluate.old_eval`), and the new ones on
the new data's. mAP@0.5, mean over the runs, which differ in the seed:

| the new pictures | guard, in `train:` | runs | old: before | after | lowest to highest | new |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

No old sign has a label, so the old rows of the class head are held, but for the first guard
([training.md](training.md#what-trains-how-fast) says why).

{steps} steps of {SETTINGS["batch_size"]} pictures, {SETTINGS["optimizer"]} with a highest rate of \
{SETTINGS["learning_rate"]:g}, then a cosine; nothing is frozen.
ssdlite_mobilenet_v2 at {INPUT_SIDE}x{INPUT_SIDE}, {TRAIN_PICTURES} pictures to train and {EVAL_PICTURES} to \
evaluate, before other photographs. A training
took {seconds:.0f} s on {os.cpu_count()} processors that other work shared. Written by \
`python -m benchmarks.training.forgetting --work FOLDER`.
"""


def _row(pictures: str, variant: str, found: Sequence[Outcome]) -> str:
    after = [one.old_after for one in found]
    return (
        f"| {pictures} | {variant} | {len(found)} | {statistics.mean(one.old_before for one in found):.3f} "
        f"| **{statistics.mean(after):.3f}** | {min(after):.3f} to {max(after):.3f} "
        f"| {statistics.mean(one.new for one in found):.3f} |"
    )
