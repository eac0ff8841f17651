"""What was proved of each architecture: measured by `make architectures`. No TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

PROOFS = Path(__file__).with_name("proofs.json")


@dataclass(frozen=True)
class ArchitectureProof:
    """A small model of one architecture, built by the OD API's TF1 code, converted, compared, and exported.

    There is none of a model that does not export: see tests.parity.od_api_proof.

    Attributes:
      architecture: as models are commonly called (`ssdlite_mobilenet_v2`).
      extractor: the feature extractor's type in pipeline.config.
      raw_from_checkpoint, raw_from_frozen_graph: largest difference of the raw predictions, as a part of the
        tensor's scale.
      detections: largest difference of a box's side or a score among the matched detections.
      matched_detections: how many those are, from the checkpoint.
      variables: of the model; all of them were loaded.
      loss_before, loss_after: of a fixed batch, before and after five training steps.
      model: "native", or "shim" if the OD API's own code computes it.
    """

    architecture: str
    extractor: str
    raw_from_checkpoint: float
    raw_from_frozen_graph: float
    detections: float
    matched_detections: int
    variables: int
    loss_before: float
    loss_after: float
    model: str = "native"

    @property
    def raw(self) -> float:
        """The larger of the two raw differences."""
        return max(self.raw_from_checkpoint, self.raw_from_frozen_graph)

    @property
    def loss_change(self) -> float:
        """By what part five training steps changed the loss: -0.57 where it fell to 43 %."""
        return self.loss_after / self.loss_before - 1.0


def read_proofs() -> dict[str, ArchitectureProof]:
    """The recorded proofs by architecture, in the record's order."""
    records = json.loads(PROOFS.read_text(encoding="utf-8"))
    return {record["architecture"]: ArchitectureProof(**record) for record in records}


def write_proofs(proofs: Iterable[ArchitectureProof]) -> None:
    """Replace the record."""
    records = [asdict(proof) for proof in proofs]
    PROOFS.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
