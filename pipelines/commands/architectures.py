"""upcycle architectures"""

from __future__ import annotations

from dataclasses import asdict

import typer

from pipelines.commands.options import AsJson, print_json

_LEGEND = """
native: a Keras 3 model of our own; shim: the Object Detection API's code.
raw, detections: largest difference from the TF1 graph, of a small model with
random weights (limit 1e-04). variables: all were loaded. loss: the change in
five training steps. Each exports a SavedModel that runs. Your own model is
proved again at each conversion. --json and docs/architectures.md list the TF1
detection zoo.
"""


def architectures(as_json: AsJson = False) -> None:
    """The TF1 architectures that Upcycle runs, and what was proved of each.

    Example: upcycle architectures
    """
    from pipelines.architectures.proofs import read_proofs
    from pipelines.architectures.zoo import ZOO

    proofs = read_proofs()
    if as_json:
        zoo = [asdict(model) for model in ZOO]
        print_json({"proved": [asdict(proof) for proof in proofs.values()], "zoo": zoo})
        return
    width = max(map(len, proofs))
    typer.echo(f"{'architecture':{width}} {'model':6} {'raw':7} detections variables  loss")
    for name, proof in proofs.items():
        typer.echo(
            f"{name:{width}} {proof.model:6} {proof.raw:.1e} {proof.detections:10.1e} "
            f"{proof.variables:9} {proof.loss_change:5.0%}"
        )
    typer.echo(_LEGEND, nl=False)
