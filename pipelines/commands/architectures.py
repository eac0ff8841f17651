"""upcycle architectures"""

from __future__ import annotations

from dataclasses import asdict

import typer

from pipelines.commands.options import AsJson, print_json


def architectures(as_json: AsJson = False) -> None:
    """The TF1 architectures that Upcycle runs, and what was proved of each.

    Example: upcycle architectures
    """
    from pipelines.architectures.proofs import read_proofs

    proofs = read_proofs()
    if as_json:
        print_json({"proved": [asdict(proof) for proof in proofs.values()]})
        return
    width = max(map(len, proofs))
    typer.echo(f"{'architecture':{width}}  model   raw      detections  variables  loss in 5 steps")
    for name, proof in proofs.items():
        typer.echo(
            f"{name:{width}}  {proof.model:6}  {proof.raw:.1e}  {proof.detections:.1e}     "
            f"{proof.variables:9}  {proof.loss_before:.3g} -> {proof.loss_after:.3g}"
        )
    typer.echo(
        "\nnative: a Keras 3 model of our own; shim: the Object Detection API's code, run in TF2.\n"
        "raw, detections: largest difference from the TF1 graph, of a small model with random weights\n"
        "(limit 1e-04). Your own model is proved again at each conversion."
    )
