"""One fine-tuning by `upcycle run`, and what it came to."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from benchmarks.training.data_sets import write_detector
from benchmarks.training.upcycle_command import output_of, run_summary


class Run(BaseModel):
    """One fine-tuning: mAP@0.5 on the evaluation split, by class too, and the history of training.json."""

    data_set: str
    seed: int
    steps: int
    mAP_50: float
    mAP: float
    by_class: dict[str, float | None]
    seconds: float
    images_per_second: float
    train_images: int
    eval_images: int
    history: list[dict[str, float]]


def fine_tune(name: str, seed: int, steps: int, work: Path) -> Run:
    """Train, evaluate and export with `upcycle run`; RuntimeError with the end of its output if it failed."""
    detector = write_detector(name, steps, seed, work)
    summary = run_summary(detector, work)
    model = output_of(Path(summary["run_dir"]), "Trainer", "model")
    training = json.loads((model / "training.json").read_text())
    metrics = summary["candidate"]["metrics"]
    return Run(
        data_set=name,
        seed=seed,
        steps=training["steps"],
        mAP_50=metrics["mAP_50"],
        mAP=metrics["mAP"],
        by_class={title: found["mAP_50"] for title, found in metrics["by_class"].items()},
        seconds=training["seconds"],
        images_per_second=training["images_per_second"],
        train_images=training["train_images"],
        eval_images=training["eval_images"],
        history=training["history"],
    )


def fine_tune_once(name: str, seed: int, steps: int, work: Path) -> Run:
    """As fine_tune, but taken from `work` if it was done before."""
    record = work / f"{name}-{steps}-{seed}.json"
    if record.is_file():
        return Run.model_validate_json(record.read_text())
    run = fine_tune(name, seed, steps, work)
    record.write_text(run.model_dump_json(indent=1))
    return run
