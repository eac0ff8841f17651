"""The trainings of forgetting.py: a TF1 model of two signs, and its fine-tunings on two others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from benchmarks.training.data_sets import CHECKPOINT, CHECKPOINT_LABEL_MAP, CONFIG
from benchmarks.training.sign_data import Signs, write_label_map, write_splits
from benchmarks.training.upcycle_command import output_of, run_summary, upcycle
from components.evaluator.results import read_comparison
from detection.config.pipeline_config import read_pipeline_config, write_pipeline_config

OLD, NEW = ("stop", "yield"), ("speed_limit", "priority_road")
INPUT_SIDE = 160  # pixels
TRAIN_PICTURES, EVAL_PICTURES = 320, 120
SETTINGS: dict[str, Any] = {
    "batch_size": 8,
    "learning_rate": 0.001,
    "optimizer": "adam",
    "schedule": "cosine",
    "checkpoint_every_steps": 1000,
}
# What the new pictures show of the old classes.
PICTURES = {
    "no old sign": Signs(NEW, seed=2),
    "old signs without a label": Signs(NEW, unlabelled=OLD, seed=3),
}
# What of `train:` a guard is.
VARIANTS: dict[str, dict[str, float]] = {
    "no guard: `restored_rate: 1`": {"restored_rate": 1.0},
    "as by default: `restored_rate: 0.5`": {},
    "and `keep_old_classes: 1`": {"keep_old_classes": 1.0},
}


class Outcome(BaseModel):
    """A fine-tuning by the Evaluator: mean mAP@0.5 of the old classes and of the new ones.

    `old_before` and `old_after` are the TF1 model's and the trained model's on the old evaluation set, `new`
    is the trained model's on the new data's own. `seconds` are of the training.
    """

    pictures: str
    variant: str
    seed: int
    steps: int
    old_before: float
    old_after: float
    new: float
    seconds: float


@dataclass(frozen=True)
class OldModel:
    """The model to fine-tune, as its user has it: TF1 checkpoint, its config and classes, its test data."""

    config: Path
    checkpoint: Path
    label_map: Path
    old_eval: list[Path]


def make_old_model(steps: int, work: Path) -> OldModel:
    """Train a detector of the old classes and write its TF1 checkpoint, or find them in `work`."""
    folder = work / "old"
    prefix = folder / "tf1" / "model.ckpt"
    config = write_inputs(folder, OLD, Signs(OLD, seed=1))
    detector = write_detector("old", folder, config, CHECKPOINT, CHECKPOINT_LABEL_MAP, {"steps": steps})
    made = folder / "made.json"
    if not made.is_file():
        run = Path(run_summary(detector, work)["run_dir"])
        upcycle(["convert", "--reverse", str(output_of(run, "Trainer", "model")), "--out", str(prefix)], work)
        examples = output_of(run, "ExampleGen", "examples") / "Split-eval"
        made.write_text(json.dumps([str(file) for file in sorted(examples.glob("*.tfrecord*"))]))
    files = [Path(file) for file in json.loads(made.read_text())]
    return OldModel(config, prefix, folder / "label_map.pbtxt", files)


def fine_tune(old: OldModel, pictures: str, variant: str, seed: int, steps: int, work: Path) -> Outcome:
    """Fine-tune the old model on the new classes with `upcycle run`; what its Evaluator measured."""
    name = f"new_{list(PICTURES).index(pictures)}"
    folder = work / name
    # New classes first: the old ones' rows of the class head go where their names are.
    config = write_inputs(folder, (*NEW, *OLD), PICTURES[pictures])
    settings = VARIANTS[variant] | {"seed": seed, "steps": steps}
    detector = write_detector(name, folder, config, old.checkpoint, old.label_map, settings, old.old_eval)
    run = Path(run_summary(detector, work)["run_dir"])
    training = json.loads((output_of(run, "Trainer", "model") / "training.json").read_text())
    found = read_comparison(output_of(run, "Evaluator", "evaluation"))
    (kept,) = (one for one in found.old_classes if one.where == "old evaluation set")
    by_class = found.candidate.metrics.by_class
    new = [by_class[title].mAP_50 for title in NEW]
    assert kept.classes == list(OLD) and all(one is not None for one in new)
    return Outcome(
        pictures=pictures,
        variant=variant,
        seed=seed,
        steps=training["steps"],
        old_before=kept.against_tf1.baseline or 0.0,
        old_after=kept.against_tf1.candidate or 0.0,
        new=sum(one or 0.0 for one in new) / len(new),
        seconds=training["seconds"],
    )


def fine_tune_once(old: OldModel, pictures: str, variant: str, seed: int, steps: int, work: Path) -> Outcome:
    """As fine_tune, but taken from `work` if it was done before."""
    places = list(PICTURES).index(pictures), list(VARIANTS).index(variant)
    record = work / f"outcome-{places[0]}-{places[1]}-{steps}-{seed}.json"
    if record.is_file():
        return Outcome.model_validate_json(record.read_text())
    outcome = fine_tune(old, pictures, variant, seed, steps, work)
    record.write_text(outcome.model_dump_json(indent=1))
    return outcome


def write_inputs(folder: Path, classes: tuple[str, ...], signs: Signs) -> Path:
    """Pictures, label map and pipeline.config; the config's path."""
    folder.mkdir(parents=True, exist_ok=True)
    write_splits(folder / "data", signs, TRAIN_PICTURES, EVAL_PICTURES)
    write_label_map(classes, folder / "label_map.pbtxt")
    config = read_pipeline_config(CONFIG)
    config.model.ssd.num_classes = len(classes)
    resizer = config.model.ssd.image_resizer.fixed_shape_resizer
    resizer.height = resizer.width = INPUT_SIDE
    write_pipeline_config(config, folder / "pipeline.config")
    return folder / "pipeline.config"


def write_detector(
    name: str,
    folder: Path,
    config: Path,
    checkpoint: Path,
    checkpoint_label_map: Path,
    settings: dict[str, Any],
    old_eval: list[Path] | None = None,
) -> Path:
    """The YAML of one training; its path."""
    detector: dict[str, Any] = {
        "name": name,
        "model": {
            "pipeline_config": str(config),
            "checkpoint": str(checkpoint),
            "label_map": str(checkpoint_label_map),
        },
        "data": {
            "format": "coco",
            "train": str(folder / "data" / "train"),
            "eval": str(folder / "data" / "eval"),
            "label_map": str(folder / "label_map.pbtxt"),
        },
        "train": SETTINGS | {"warmup_steps": settings["steps"] // 10} | settings,
        "evaluate": {"old_eval": [str(file) for file in old_eval]} if old_eval else {},
        # Every run is to be measured, none refused.
        "gate": {"metric": "mAP_50", "floor": 0.0, "drop": None},
        "schedule": {"cron": None},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(detector, sort_keys=False))
    return path
