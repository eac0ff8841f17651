"""docs/architectures.md is what the recorded proofs and the list of zoo models say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from detection.config.architectures import SUPPORTED
from pipelines.architectures.proofs import read_proofs
from pipelines.architectures.zoo import ZOO

DOCS = Path(__file__).resolve().parents[2] / "docs"
spec = importlib.util.spec_from_file_location("generate_architectures", DOCS / "generate_architectures.py")
assert spec and spec.loader
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)


def test_page_is_current() -> None:
    page = (DOCS / "architectures.md").read_text(encoding="utf-8")
    assert page == generate.page(read_proofs())
    assert "| ssd_mobilenet_v1_coco | COCO | ssd_mobilenet_v1 | native | " in page
    assert "| rfcn_resnet101_coco | COCO | rfcn_resnet101 | shim | " in page
    assert "| context_rcnn_resnet101 | shim | " in page


def test_every_zoo_model_is_named_once() -> None:
    names = [model.name for model in ZOO]
    assert len(names) == len(set(names)) == 47


def test_the_zoos_pixel_models_go_by_the_zoos_names() -> None:
    names = {model.name for model in ZOO}
    assert names >= {f"spaghettinet_edgetpu_{size}" for size in "sml"}
    assert names >= {f"ssd_mobiledet_{chip}_coco" for chip in ("cpu", "dsp", "edgetpu")}


def test_every_zoo_model_has_every_column() -> None:
    table = generate.page(read_proofs()).split("## The TF1 detection zoo")[1]
    columns = "model | trained on | architecture | here | max difference | variables | loss | exports"
    assert f"| {columns} |" in table
    row = r"\| {} \| [\w ]+ \| \w+ \| (native|shim) \| [\d.e-]+ \| (\d+) of \2 \| [\d.]+ to [\d.]+ \| yes \|"
    for model in ZOO:
        assert re.search(row.format(re.escape(model.name)), table), model.name


def test_every_zoo_model_is_proved() -> None:
    assert {model.architecture for model in ZOO} <= set(read_proofs())


def test_every_proof_is_of_a_supported_extractor() -> None:
    for proof in read_proofs().values():
        assert proof.extractor in SUPPORTED
