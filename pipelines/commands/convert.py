"""upcycle convert"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import AsJson


def convert(
    out: Annotated[
        Path,
        typer.Option(help="Directory to write; with --reverse the prefix of the TF1 checkpoint to write."),
    ],
    config: Annotated[
        Path | None, typer.Option(help="The pipeline.config of the TF1 detector.", show_default=False)
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            help="TF1 checkpoint, frozen graph, TF1 SavedModel, or a TF2 checkpoint that TF1 computes too;"
            " a path or package:DIST:FILE."
        ),
    ] = None,
    reverse: Annotated[
        Path | None,
        typer.Option(help="Directory of a converted or trained detector: write its TF1 checkpoint."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Photographs for the proof, a folder or one file; without them, made-up pictures."),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(
            min=1, help="Classes of the model to fine-tune; default: as in --labels, or the config."
        ),
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Label map of the model to fine-tune.")] = None,
    old_labels: Annotated[
        Path | None,
        typer.Option(help="Label map of the checkpoint: with --labels, class rows are kept by name."),
    ] = None,
    averages: Annotated[
        bool | None,
        typer.Option(
            "--averages/--raw",
            help="Moving averages or raw values of a training checkpoint; default: as in the config.",
        ),
    ] = None,
    no_proof: Annotated[
        bool, typer.Option("--no-proof", help="Skip the proof; the report then says unproved.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Carry a TF1 detector into TensorFlow 2 and prove that it is the same model.

    --reverse writes a converted or trained detector as a TF1 checkpoint again, proved in TF1's graph.

    Example: upcycle convert --config pipeline.config --checkpoint model.ckpt --out converted
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    end_cleanly_on_sigterm()
    if reverse is not None:
        given = {"--config": config, "--checkpoint": checkpoint, "--classes": classes}
        given |= {"--labels": labels, "--old-labels": old_labels, "--averages/--raw": averages}
        if unused := [option for option, value in given.items() if value is not None]:
            raise typer.BadParameter(f"--reverse takes the detector as it is: leave out {', '.join(unused)}")
        _reverse(reverse, out, images, not no_proof, as_json)
        return
    if config is None or not checkpoint:
        raise typer.BadParameter("give --config and --checkpoint, or --reverse")
    from components.checkpoint_converter.convert import Options
    from components.checkpoint_converter.convert import convert as convert_checkpoint
    from components.checkpoint_converter.report_text import format_report
    from detection.config.label_map import read_label_map
    from detection.config.pipeline_config import read_pipeline_config
    from pipelines.inputs import checkpoint_path

    report = convert_checkpoint(
        read_pipeline_config(config),
        checkpoint_path(checkpoint),
        out,
        photographs(images),
        Options(
            num_classes=classes,
            label_map=read_label_map(labels) if labels else None,
            old_label_map=read_label_map(old_labels) if old_labels else None,
            weights="config" if averages is None else "averages" if averages else "raw",
            proof=not no_proof,
        ),
    )
    typer.echo(report.model_dump_json(indent=2) if as_json else format_report(report, details=False))


def _reverse(folder: Path, prefix: Path, images: Path | None, proof: bool, as_json: bool) -> None:
    from components.checkpoint_converter.reverse import format_reversed
    from components.checkpoint_converter.reverse import reverse as write_reversed

    result = write_reversed(folder, prefix, photographs(images), proof=proof)
    typer.echo(result.model_dump_json(indent=2) if as_json else format_reversed(result))


def photographs(images: Path | None) -> list[Path]:
    """Those for the proof: the file itself, or a few of a folder or CSV. BadInput if nothing is there."""
    from components.example_gen.images import sample_images
    from detection.errors import BadInput
    from pipelines.inputs import PROOF_IMAGES

    if images is None:
        return []
    if not images.exists():
        raise BadInput("the photographs for the proof do not exist", str(images), "correct --images")
    if images.is_file() and images.suffix.lower() != ".csv":
        return [images]
    return sample_images(images, PROOF_IMAGES)


def end_cleanly_on_sigterm() -> None:
    """Let `kill` and `timeout` end this process as Ctrl-C does: its child and its scratch files go too."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
