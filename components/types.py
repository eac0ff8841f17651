"""Artifact types that pass between the nodes of the retraining pipeline."""

from __future__ import annotations

from tfx.types import artifact, standard_artifacts


class ResolvedConfig(artifact.Artifact):
    """pipeline.config after safe fixes, label_map.pbtxt, findings.json, changes.diff."""

    TYPE_NAME = "ResolvedConfig"


class ConvertedModel(artifact.Artifact):
    """checkpoint/ for fine-tuning, saved_model/ of the proved model, report.json, report.md."""

    TYPE_NAME = "ConvertedModel"


class DetectorModel(standard_artifacts.Model):
    """A fine-tuned detector: saved_model/, checkpoint/, pipeline.config, label_map.pbtxt, model_card.md.

    tflite/, last/ and best/ are there where a training writes them (see trainer.export). training.json and
    hyper_parameters.json say how it was trained. A kind of TFX's Model, so that its resolver of blessed
    models takes it.
    """

    TYPE_NAME = "DetectorModel"


class DataQuarantine(artifact.Artifact):
    """quarantine.jsonl, statistics.json, report.md and contact_sheets/ of one ExampleGen run."""

    TYPE_NAME = "DataQuarantine"


class Evaluation(artifact.Artifact):
    """metrics.json and report.html of one comparison against a baseline."""

    TYPE_NAME = "Evaluation"
