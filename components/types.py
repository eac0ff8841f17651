"""Artifact types that pass between the nodes of the retraining pipeline."""

from __future__ import annotations

from tfx.types import artifact


class ResolvedConfig(artifact.Artifact):
    """pipeline.config after safe fixes, label_map.pbtxt, findings.json, changes.diff."""

    TYPE_NAME = "ResolvedConfig"


class ConvertedModel(artifact.Artifact):
    """checkpoint/ for fine-tuning, saved_model/ of the proved model, report.json, report.md."""

    TYPE_NAME = "ConvertedModel"


class DetectorModel(artifact.Artifact):
    """A fine-tuned detector: saved_model/, checkpoint/, pipeline.config, label_map.pbtxt, training.json."""

    TYPE_NAME = "DetectorModel"


class DataQuarantine(artifact.Artifact):
    """quarantine.jsonl, statistics.json, report.md and contact_sheets/ of one ExampleGen run."""

    TYPE_NAME = "DataQuarantine"


class Evaluation(artifact.Artifact):
    """metrics.json and report.html of one comparison against a baseline."""

    TYPE_NAME = "Evaluation"
