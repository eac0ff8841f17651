"""docs/results.md and its picture, from the fine-tunings."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.training.data_sets import DATA_SETS, SETTINGS
from benchmarks.training.fine_tuning import Run
from benchmarks.training.page_parts import FORGETTING, read_part

PICTURE = "images/results.svg"
_COLOURS = ("#1b6ca8", "#c8553d", "#5a8f3c", "#8d5a97", "#7a7a7a")


def write_page(runs: dict[str, list[Run]], docs: Path) -> None:
    """Write results.md and images/results.svg to `docs`; `runs` by data set, each with one run or more.

    The part that forgetting.py wrote stays.
    """
    (docs / "images").mkdir(parents=True, exist_ok=True)
    _draw(runs, docs / PICTURE)
    path = docs / "results.md"
    kept = read_part(path, FORGETTING)
    path.write_text(page(runs) + (f"\n{kept}" if kept else ""))


def page(runs: dict[str, list[Run]]) -> str:
    """The Markdown of results.md."""
    some = next(iter(runs.values()))[0]
    rows = [_row(name, of_data_set) for name, of_data_set in runs.items()]
    classes = [line for of_data_set in runs.values() for line in _class_lines(of_data_set)]
    return f"""# Results

A real TF1 detector, ssdlite_mobilenet_v2 at 300x300 that knows one class, person, is fine-tuned on data sets
of other things. `upcycle run` converts it, trains, exports and evaluates; mAP@0.5 is COCO's, of the exported
model on pictures that it was not trained on. Runs differ in the seed: the order of the pictures and their
augmentation.

| data set | pictures, train / eval | runs | mAP@0.5, mean | lowest to highest | mAP, mean | time of a run |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

![Loss and mAP@0.5 by step]({PICTURE})

The curves have a line for each run: the loss of the training batches, and mAP@0.5 on the eval pictures.

By class, mAP@0.5, mean over the runs:

| data set | class | mAP@0.5 |
|---|---|---|
{chr(10).join(classes)}

## Settings

{some.steps} steps of {SETTINGS["batch_size"]} pictures, {SETTINGS["optimizer"]} with a highest rate of \
{SETTINGS["learning_rate"]:g}, {some.steps // 10} steps of warmup, then a cosine. The stem and the first six
blocks of the backbone are frozen. Augmentation is that of the TF1 config: flips, and SSD's random crops. All
else is as the Trainer has it without being asked.

The time is that of the training, on {os.cpu_count()} processors that other work shared.

The page and its picture are written by `python -m benchmarks.training.results --work FOLDER`, which trains
what FOLDER does not hold yet.
"""


def _row(name: str, runs: Sequence[Run]) -> str:
    scores = [run.mAP_50 for run in runs]
    minutes = statistics.median(run.seconds for run in runs) / 60
    return (
        f"| {DATA_SETS[name].title} | {runs[0].train_images} / {runs[0].eval_images} "
        f"| {len(scores)} | **{statistics.mean(scores):.3f}** | {min(scores):.3f} to {max(scores):.3f} "
        f"| {statistics.mean(run.mAP for run in runs):.3f} | {minutes:.1f} min |"
    )


def _class_lines(runs: Sequence[Run]) -> list[str]:
    lines = []
    for title in runs[0].by_class:
        scores = [score for run in runs if (score := run.by_class[title]) is not None]
        mean = f"{statistics.mean(scores):.3f}" if scores else "none to find"
        lines.append(f"| {runs[0].data_set} | {title} | {mean} |")
    return lines


def _draw(runs: dict[str, list[Run]], path: Path) -> None:
    """A row of two charts for each data set."""
    import matplotlib

    matplotlib.use("svg")
    # the same file for the same runs
    matplotlib.rcParams.update({"svg.hashsalt": "results", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(len(runs), 2, figsize=(9, 2.8 * len(runs)), squeeze=False)
    for (name, of_data_set), (loss, score) in zip(runs.items(), rows, strict=True):
        for run, colour in zip(of_data_set, _COLOURS, strict=False):
            _curve(loss, run, "loss", colour)
            _curve(score, run, "eval_mAP_50", colour)
        loss.set(title=f"{name}: training loss", xlabel="step", yscale="log")
        score.set(title=f"{name}: mAP@0.5", xlabel="step", ylim=(0, 1))
        for axes in (loss, score):
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        loss.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _curve(axes: object, run: Run, value: str, colour: str) -> None:
    points = [(row["step"], row[value]) for row in run.history if value in row]
    if points:
        axes.plot(*zip(*points, strict=True), color=colour, label=f"seed {run.seed}", linewidth=1.2)  # type: ignore[attr-defined]
