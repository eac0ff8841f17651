"""What does fine-tuning forget? Writes a part of docs/results.md: mAP@0.5 of old classes, by guard.

    python -m benchmarks.training.forgetting --work FOLDER [--seeds N] [--steps N]

A detector of two drawn road signs becomes a TF1 checkpoint (`upcycle convert --reverse`), and `upcycle run`
fine-tunes it on two other signs, with each guard against forgetting and without. The Evaluator measures the
old signs on the old evaluation set. FOLDER keeps what is done: a command that was stopped goes on where it
was.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks.training.data_sets import ROOT
from benchmarks.training.forgetting_page import write_part
from benchmarks.training.forgetting_runs import PICTURES, VARIANTS, Outcome, fine_tune_once, make_old_model

SEEDS, STEPS = 3, 300


def main() -> None:
    """Do what is left to do, then write the part of the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="keeps the runs")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument(
        "--steps", type=int, default=STEPS, help="of the old training and of each fine-tuning"
    )
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "results.md", help="gets the part")
    arguments = parser.parse_args()
    work: Path = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    old = make_old_model(arguments.steps, work)
    print(f"the old model's TF1 checkpoint: {old.checkpoint}", flush=True)
    outcomes: list[Outcome] = []
    # seed by seed, so that what is there after half an hour says something of each guard
    for seed in range(1, arguments.seeds + 1):
        for pictures in PICTURES:
            for variant in VARIANTS:
                started = time.monotonic()
                one = fine_tune_once(old, pictures, variant, seed, arguments.steps, work)
                outcomes.append(one)
                print(
                    f"{pictures}, {variant}, seed {seed}: old {one.old_before:.3f} to {one.old_after:.3f}, "
                    f"new {one.new:.3f}, after {time.monotonic() - started:.0f} s",
                    flush=True,
                )
    write_part(outcomes, arguments.page)


if __name__ == "__main__":
    main()
