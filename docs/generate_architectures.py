"""Writes docs/architectures.md from the recorded proofs; with --prove, measures and records them first.

`make architectures` proves: it builds each architecture with the OD API's TF1 code and converts it, which
takes about a minute an architecture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.architectures.proofs import ArchitectureProof, read_proofs, write_proofs
from pipelines.architectures.zoo import ZOO

PAGE = Path(__file__).resolve().parent / "architectures.md"

_HEAD = """# Architectures

Which TF1 detectors Upcycle converts, and what was measured of each. `make architectures` measures again and
writes this page; `upcycle architectures` prints the first table.

```bash
upcycle architectures
```

## Native and shim

A `native` model is written in Keras 3 here. The others run the Object Detection API's own TF1 code inside TF2
(`shim`): slower to build and to train, and the same for every later stage. Which one it is, is decided by
`pipeline.config`: what a native model lacks, an architecture or one option, runs through the shim, and the
conversion's report says so.

Each line is a small model of the architecture, built by the TF1 Object Detection API's own code with random
weights and batch-norm statistics, saved as a checkpoint and as a frozen graph, and converted from each.

- `raw`: largest difference of the raw predictions, as a part of the tensor's scale, over four pictures, from
  uint8 to prediction. The limit is 1e-04, and it is held at every conversion of your own model too.
  SpaghettiNet, which rounds to 8 bits inside, is compared [from rounding to rounding](shim.md#spaghettinet).
- `detections`: largest difference of the final boxes and scores, and `matched` how many were compared.
- `loss`: of a fixed batch, before and after five training steps.

All variables are accounted for in each, and each is exported as a SavedModel that runs.

| architecture | model | extractor | raw, checkpoint | raw, graph | detections | matched | variables | loss |
|---|---|---|---|---|---|---|---|---|
"""

_ZOO = """
## The TF1 detection zoo

The zoo's models by its own names, with what was measured of the architecture above. `max difference` is of
the raw predictions; `loss` is of a fixed batch, before and after five training steps; `exports`: the
SavedModel runs.

| model | trained on | architecture | here | max difference | variables | loss | exports |
|---|---|---|---|---|---|---|---|
"""


def page(proofs: dict[str, ArchitectureProof]) -> str:
    """docs/architectures.md."""
    variables = {name: f"{proof.variables} of {proof.variables}" for name, proof in proofs.items()}
    losses = {name: f"{proof.loss_before:.3g} to {proof.loss_after:.3g}" for name, proof in proofs.items()}
    lines = [
        f"| {proof.architecture} | {proof.model} | `{proof.extractor}` | {proof.raw_from_checkpoint:.1e} "
        f"| {proof.raw_from_frozen_graph:.1e} | {proof.detections:.1e} | {proof.matched_detections} "
        f"| {variables[name]} | {losses[name]} |"
        for name, proof in proofs.items()
    ]
    zoo = []
    for model in ZOO:
        proof = proofs[model.architecture]
        zoo.append(
            f"| {model.name} | {model.dataset} | {model.architecture} | {proof.model} | {proof.raw:.1e} "
            f"| {variables[model.architecture]} | {losses[model.architecture]} | yes |"
        )
    return _HEAD + "\n".join(lines) + "\n" + _ZOO + "\n".join(zoo) + "\n"


def main() -> None:
    """Prove if asked, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prove", action="store_true", help="measure every architecture again")
    if parser.parse_args().prove:
        from tests.parity.od_api_proof import prove_all

        write_proofs(prove_all())
    PAGE.write_text(page(read_proofs()), encoding="utf-8")


if __name__ == "__main__":
    main()
