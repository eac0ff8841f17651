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
    from pipelines.architectures.zoo import ZOO

    proofs = read_proofs()
    missing = sorted({model.architecture for model in ZOO} - set(proofs))
    if as_json:
        print_json({"native": [asdict(proof) for proof in proofs.values()], "not_supported": missing})
        return
    width = max(map(len, [*proofs, *missing]))
    typer.echo(f"{'architecture':{width}}  model   raw      detections  variables  loss in 5 steps")
    for name, proof in proofs.items():
        typer.echo(
            f"{name:{width}}  native  {proof.raw:.1e}  {proof.detections:.1e}     {proof.variables:9}  "
            f"{proof.loss_before:.3g} -> {proof.loss_after:.3g}"
        )
    for name in missing:
        typer.echo(f"{name:{width}}  none    refused with the nearest architecture that works")
    typer.echo(
        "\nraw, detections: largest difference from the TF1 graph, of a small model with random weights\n"
        "(limit 1e-04). Your own model is proved again at each conversion."
    )
