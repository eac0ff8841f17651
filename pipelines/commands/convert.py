"""upcycle convert"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import AsJson


def convert(
    config: Annotated[Path, typer.Option(help="The pipeline.config of the TF1 detector.")],
    checkpoint: Annotated[
        str, typer.Option(help="TF1 checkpoint (prefix, folder, .index), frozen graph, or package:DIST:FILE.")
    ],
    out: Annotated[Path, typer.Option(help="New directory for the checkpoint, SavedModel and report.")],
    images: Annotated[
        Path | None, typer.Option(help="Photographs for the proof; without them, made-up pictures.")
    ] = None,
    classes: Annotated[
        int | None, typer.Option(help="Classes of the model to fine-tune; default: as in the config.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Carry a TF1 detector into TensorFlow 2 and prove that it is the same model.

    Example: upcycle convert --config pipeline.config --checkpoint model.ckpt --out converted
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from components.checkpoint_converter.convert import convert as convert_checkpoint
    from components.checkpoint_converter.report import format_report
    from components.example_gen.images import sample_images
    from detection.config.pipeline_config import read_pipeline_config
    from pipelines.inputs import PROOF_IMAGES, checkpoint_path

    report = convert_checkpoint(
        read_pipeline_config(config),
        checkpoint_path(checkpoint),
        out,
        sample_images(images, PROOF_IMAGES) if images else [],
        num_classes=classes,
    )
    typer.echo(report.model_dump_json(indent=2) if as_json else format_report(report))
