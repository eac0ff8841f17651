"""How well do fine-tunings go? Writes docs/results.md: mAP@0.5 of a real TF1 model on two new data sets.

    python -m benchmarks.training.results --work FOLDER [--seeds N] [--steps N] [--only NAME]

Each run is `upcycle run` with a YAML of its own; the seeds differ in the order of the data and the
augmentation. FOLDER keeps what is done: a command that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.training.data_sets import DATA_SETS, ROOT
from benchmarks.training.fine_tuning import Run, fine_tune_once
from benchmarks.training.results_page import write_page

SEEDS, STEPS = 3, 300


def main() -> None:
    """Do what is left to do, then write the page and its picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="keeps the runs")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--only", choices=DATA_SETS, action="append")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="gets results.md and its picture")
    arguments = parser.parse_args()
    runs: dict[str, list[Run]] = {name: [] for name in arguments.only or DATA_SETS}
    # seed by seed, so that what is there after an hour says something of each data set
    for seed in range(1, arguments.seeds + 1):
        for name, of_data_set in runs.items():
            run = fine_tune_once(name, seed, arguments.steps, arguments.work.resolve())
            of_data_set.append(run)
            print(f"{name}, seed {seed}: mAP@0.5 {run.mAP_50:.3f} after {run.seconds:.0f} s", flush=True)
    write_page(runs, arguments.docs)


if __name__ == "__main__":
    main()
