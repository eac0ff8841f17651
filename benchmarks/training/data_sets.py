"""The data sets and settings of the fine-tunings that results.py shows: a detector's YAML for each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from detection.config.pipeline_config import read_pipeline_config, write_pipeline_config

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
CONFIG = ROOT / "detectors" / "microcontrollers" / "pipeline.config"
CHECKPOINT = DATA / "models" / "pedestrian_ssdlite_mobilenet_v2" / "model.ckpt"
CHECKPOINT_LABEL_MAP = ROOT / "detectors" / "demo" / "pedestrian_label_map.pbtxt"

# Of every run; what is left out is the Trainer's default.
SETTINGS: dict[str, Any] = {
    "batch_size": 8,
    "learning_rate": 0.001,
    "optimizer": "adam",
    "schedule": "cosine",
    "checkpoint_every_steps": 100,
    "freeze": ["FeatureExtractor/MobilenetV2/(Conv/|expanded_conv/|expanded_conv_[1-5]/)"],
}


@dataclass(frozen=True)
class DataSet:
    """Pictures with boxes under `DATA`, as a detector's YAML names them."""

    title: str
    form: str
    train: str
    evaluation: str
    classes: tuple[str, ...]


DATA_SETS = {
    "microcontrollers": DataSet(
        "microcontrollers_voc: photographs of four kinds of boards",
        "voc",
        "datasets/microcontrollers_voc/images/train",
        "datasets/microcontrollers_voc/images/test",
        ("Raspberry_Pi_3", "Arduino_Nano", "ESP8266", "Heltec_ESP32_Lora"),
    ),
    "blood_cells": DataSet(
        "rbc_coco: red and white blood cells under the microscope",
        "coco",
        "datasets/rbc_coco/train",
        "datasets/rbc_coco/valid",
        ("rbc", "wbc"),
    ),
}


def write_detector(name: str, steps: int, seed: int, folder: Path) -> Path:
    """Write the YAML of one fine-tuning, its pipeline.config and label map to `folder`; the YAML's path."""
    data = DATA_SETS[name]
    folder.mkdir(parents=True, exist_ok=True)
    config = read_pipeline_config(CONFIG)
    config.model.ssd.num_classes = len(data.classes)
    write_pipeline_config(config, folder / f"{name}.config")
    items = [f"item {{ id: {number} name: '{each}' }}\n" for number, each in enumerate(data.classes, 1)]
    (folder / f"{name}.pbtxt").write_text("".join(items))
    detector = {
        "name": name,
        "description": data.title,
        "model": {
            "pipeline_config": f"{name}.config",
            "checkpoint": str(CHECKPOINT),
            "label_map": str(CHECKPOINT_LABEL_MAP),
        },
        "data": {
            "format": data.form,
            "train": str(DATA / data.train),
            "eval": str(DATA / data.evaluation),
            "label_map": f"{name}.pbtxt",
        },
        "train": SETTINGS
        | {"steps": steps, "warmup_steps": steps // 10, "seed": seed, "eval_every_steps": max(1, steps // 6)},
        # Every run is to be measured, none refused.
        "gate": {"metric": "mAP_50", "floor": 0.0},
        "schedule": {"cron": None},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(detector, sort_keys=False))
    return path
