"""Conversions of detectors that the OD API's own TF1 code builds, one entry an architecture.

The proof inside the conversion compares raw predictions and detections, and fails above 1e-4. An architecture
is in the list when a config of it converts from checkpoint and from frozen graph, and the result trains.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.architectures.proofs import read_proofs
from tests.parity.od_api_proof import LIMIT, prove
from tests.parity.od_api_shim_configs import ALL_CONFIGS, SHIM_CONFIGS

QUICK = "ssd_mobilenet_v1_fpnlite_cropped"  # a pyramid, depthwise, shared tower, focal loss: the widest one


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == QUICK else pytest.mark.slow) for name in ALL_CONFIGS]
)
def test_converts_and_trains(name: str, tmp_path: Path) -> None:
    proof = prove(name, tmp_path)
    print(proof)
    assert proof.variables == read_proofs()[name].variables


def test_every_architecture_has_its_proof_on_record() -> None:
    proofs = read_proofs()
    assert list(proofs) == list(ALL_CONFIGS)
    assert {name for name, proof in proofs.items() if proof.model == "shim"} == set(SHIM_CONFIGS)
    for proof in proofs.values():
        assert 0 < proof.raw <= LIMIT and proof.detections <= LIMIT, proof
        assert proof.loss_after < proof.loss_before and proof.matched_detections >= 10
