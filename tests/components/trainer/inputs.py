"""What a training reads, where a test writes it itself."""

from __future__ import annotations

from pathlib import Path

from components.checkpoint_converter.report import ClassHead, ConversionReport
from components.trainer.job import TrainingPaths


def write_class_head(converted: Path, head: ClassHead) -> None:
    """report.json of a conversion that carried the class head over like this; and says nothing else."""
    report = ConversionReport(
        source="model.ckpt",
        kind="checkpoint",
        architecture="ssd_mobilenet_v1",
        num_classes_checkpoint=head.classes_before,
        num_classes_model=head.classes_after,
        class_head=head,
        blocks=[],
        variables_total=0,
        variables_loaded=0,
        variables=[],
        notes=[],
        proof=None,
        seconds=0.0,
    )
    (converted / "report.json").write_text(report.model_dump_json())


def paths_in(root: Path) -> TrainingPaths:
    """All of a training under one folder; train.tfrecord, eval.tfrecord and label_map.pbtxt lie in it."""
    return TrainingPaths(
        converted=root / "converted",
        train_files=[root / "train.tfrecord"],
        eval_files=[root / "eval.tfrecord"],
        label_map=root / "label_map.pbtxt",
        out=root / "out",
        work=root / "work",
        logs=root / "logs",
    )
