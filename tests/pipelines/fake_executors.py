"""Stand-ins for the slow executors: they write what the real ones write, in no time."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor

from components.evaluator.options import GateOptions
from components.evaluator.results import Comparison, GateRule, Metrics, ModelEvaluation, Verdict
from components.evaluator.smoke_test import write_smoke_test
from detection.errors import Failed
from tests.components.pusher.small_detector import save_small_detector, small_smoke_test

PROOF = {
    "images": 4,
    "max_difference_raw": 2.5e-6,
    "tolerance": 1e-4,
    "matched_detections": 31,
    "passed": True,
}
BLOCKS = [
    {"block": "backbone", "wanted": 260, "loaded": 260, "fresh": 0, "dropped": 0},
    {"block": "class_head", "wanted": 12, "loaded": 0, "fresh": 12, "dropped": 0},
]
REPORT = "<html>report<footer>end</footer></html>"
CLASS_HEAD = {
    "how": "fresh",
    "classes_before": 1,
    "classes_after": 4,
    "rows": [{"id": 1, "name": "cat", "source_id": None}],
    "left_behind": ["class_1"],
}


def _write(directory: str, files: dict[str, Any]) -> None:
    for name, value in files.items():
        path = Path(directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))


class _Fake(base_executor.BaseExecutor):
    files: dict[str, dict[str, Any]] = {}

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:  # noqa: N802
        """Write the files of every output."""
        print(f"{type(self).__name__} works")
        if os.environ.get("FAKE_FAILS") == type(self).__name__:
            raise Failed("it went wrong", "here", "try again")
        if os.environ.get("FAKE_DEFECT") == type(self).__name__:
            raise ZeroDivisionError("a defect")
        for key, files in self.files.items():
            _write(output_dict[key][0].uri, files)


class ExampleGen(_Fake):
    """10 images read, one of them quarantined."""

    files = {
        "quarantine": {
            "statistics.json": {
                "images_read": 10,
                "images_written": 9,
                "images_quarantined": 1,
                "boxes_read": 20,
                "boxes_written": 18,
                "boxes_quarantined": 2,
            }
        }
    }


class ConfigValidator(_Fake):
    """Nothing found."""

    files = {"resolved_config": {"findings.json": []}}

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:  # noqa: N802
        """Write the findings and record what is allowed."""
        super().Do(input_dict, output_dict, exec_properties)
        if codes := json.loads(exec_properties["allow"]):
            output_dict["resolved_config"][0].set_string_custom_property("allowed", ",".join(codes))


class CheckpointConverter(_Fake):
    """A proved conversion."""

    files = {
        "converted_model": {
            "report.json": {
                "source": "model.ckpt",
                "kind": "frozen_graph",
                "architecture": "ssd_mobilenet_v2",
                "num_classes_checkpoint": 1,
                "num_classes_model": 4,
                "class_head": CLASS_HEAD,
                "blocks": BLOCKS,
                "variables_total": 272,
                "variables_loaded": 260,
                "proof": PROOF,
            }
        }
    }

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:  # noqa: N802
        """Write the report and record the proof."""
        super().Do(input_dict, output_dict, exec_properties)
        output_dict["converted_model"][0].set_string_custom_property("proof", "passed")


def score_after(steps: int) -> float:
    """What the model of that many steps gives its box."""
    return steps / 100


class Trainer(_Fake):
    """A small model that finds one box; its score depends on the number of steps."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:  # noqa: N802
        """Write a model and training.json."""
        super().Do(input_dict, output_dict, exec_properties)
        steps = json.loads(exec_properties["train"])["steps"]
        history = [{"step": 1, "loss": 3.0}, {"step": steps, "loss": 0.5}]
        facts = {"steps": steps, "seconds": 2.0, "images_per_second": 9.0, "learning_rate": 0.1}
        _write(
            output_dict["model"][0].uri,
            {
                "label_map.pbtxt": "item { id: 1 name: 'cat' }",
                "pipeline.config": "model {}",
                "training.json": facts | {"history": history, "resumed_from": None},
            },
        )
        settings = {"steps": {"value": steps, "source": "train"}, "seed": {"value": 1, "source": "default"}}
        _write(output_dict["hyper_parameters"][0].uri, {"hyper_parameters.json": {"settings": settings}})
        save_small_detector(Path(output_dict["model"][0].uri) / "saved_model", score_after(steps))


class Evaluator(_Fake):
    """mAP@0.5 is FAKE_MAP, 0.8 unless said otherwise; the baseline's is 0.1."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:  # noqa: N802
        """Write metrics, report and blessing."""
        super().Do(input_dict, output_dict, exec_properties)
        value = float(os.environ.get("FAKE_MAP", "0.8"))
        gate = GateOptions.model_validate_json(exec_properties["gate"])
        blessed = value >= (gate.floor or 0.0)
        rule = GateRule(
            rule="floor", passed=blessed, measured=value, limit=gate.floor, sentence=f"mAP@0.5 is {value}."
        )
        comparison = Comparison(
            gate=gate,
            verdict=Verdict(blessed=blessed, rules=[rule]),
            candidate=_evaluation("new model", value),
            baseline=_evaluation(exec_properties["baseline"] or "converted TF1 model", 0.1),
        )
        _write(
            output_dict["evaluation"][0].uri,
            {"metrics.json": comparison.model_dump_json(), "report.html": REPORT},
        )
        steps = json.loads((Path(input_dict["model"][0].uri) / "training.json").read_text())["steps"]
        write_smoke_test(small_smoke_test(score_after(steps)), Path(output_dict["evaluation"][0].uri))
        output_dict["blessing"][0].set_int_custom_property("blessed", int(blessed))


def _evaluation(title: str, value: float) -> ModelEvaluation:
    metrics = Metrics(
        images=3,
        groundtruth_boxes=6,
        mAP=value / 2,
        mAP_50=value,
        mAP_75=None,
        recall_50=value,
        by_class={},
        by_size={},
    )
    return ModelEvaluation(title=title, saved_model="x", metrics=metrics, seconds=1.0)
