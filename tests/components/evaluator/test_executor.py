"""The Evaluator as a TFX node."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.types import channel_utils, standard_artifacts

from components.evaluator.component import Evaluator
from components.evaluator.executor import Executor, bless
from components.evaluator.results import Verdict, read_comparison
from components.pusher.publish import publish
from components.types import ConvertedModel, DataQuarantine, DetectorModel, Evaluation, ResolvedConfig
from tests.object_store import Server, google, new_address

__all__ = ["google"]


def artifact(kind: type[types.Artifact], path: Path) -> list[types.Artifact]:
    path.mkdir(exist_ok=True)
    made = kind()
    made.uri = str(path)
    return [made]


def inputs_of(run_root: Path) -> dict[str, list[types.Artifact]]:
    return {
        "examples": artifact(standard_artifacts.Examples, run_root / "examples"),
        "model": artifact(DetectorModel, run_root / "model"),
        "converted_model": artifact(ConvertedModel, run_root / "converted"),
        "resolved_config": artifact(ResolvedConfig, run_root / "resolved"),
        "quarantine": artifact(DataQuarantine, run_root / "quarantine"),
    }


def properties(floor: float) -> dict[str, str]:
    return {
        "gate": json.dumps({"metric": "mAP_75", "floor": floor}),
        "evaluate": json.dumps({"resamples": 100}),
        "baseline": "",
        "baseline_label_map": "",
        "fingerprint": "{}",
        "code_version": "abc123",
    }


@pytest.mark.parametrize(("shift", "marker", "blessed"), [(0.0, "BLESSED", 1), (0.3, "NOT_BLESSED", 0)])
def test_the_blessing_is_tfx_s(
    run_root: Path,
    tmp_path: Path,
    save_detector: Callable[..., Path],
    shift: float,
    marker: str,
    blessed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UPCYCLE_RUN_ID", "manual-7")
    root = tmp_path / "run"
    shutil.copytree(run_root, root)
    if shift:
        shutil.rmtree(root / "model" / "saved_model")
        save_detector(root / "model", ["stop", "yield", "priority_road"], shift=shift)
    inputs = inputs_of(root)
    inputs["model"][0].id = 41
    outputs = {
        "evaluation": artifact(Evaluation, tmp_path / "evaluation"),
        "blessing": artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing"),
    }
    Executor().Do(inputs, outputs, properties(floor=0.5))
    assert [path.name for path in (tmp_path / "blessing").iterdir()] == [marker]
    blessing = outputs["blessing"][0]
    assert blessing.get_int_custom_property("blessed") == blessed
    assert blessing.get_int_custom_property("current_model_id") == 41
    assert blessing.get_string_custom_property("current_model") == str(root / "model")
    assert blessing.get_string_custom_property("baseline_model") == str(root / "converted" / "saved_model")
    message = blessing.get_string_custom_property("blessing_message")
    assert message.startswith("passed" if blessed else "refused: mAP@0.75 0.000, at least 0.500 wanted")
    assert read_comparison(tmp_path / "evaluation").verdict.blessed is bool(blessed)
    page = (tmp_path / "evaluation" / "report.html").read_text()
    assert "manual-7" in page and "abc123" in page


def test_the_live_version_of_an_object_store_is_what_it_is_compared_with(
    run_root: Path, tmp_path: Path, google: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = new_address(google, monkeypatch)
    shutil.copytree(run_root / "model", tmp_path / "model")
    (tmp_path / "model" / "pipeline.config").touch()
    facts = {"detector": "signs", "run_id": "run-1", "fingerprint": "f"}
    version = publish(tmp_path / "model", place, facts)
    outputs = {
        "evaluation": artifact(Evaluation, tmp_path / "evaluation"),
        "blessing": artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing"),
    }
    Executor().Do(inputs_of(run_root), outputs, properties(floor=0.5) | {"baseline": version.address})
    baseline = read_comparison(tmp_path / "evaluation").baseline
    assert (baseline.title, baseline.saved_model) == ("version 1", f"{place}/versions/1")
    assert outputs["blessing"][0].get_string_custom_property("baseline_model") == f"{place}/versions/1"
    assert f"{place}/versions/1" in (tmp_path / "evaluation" / "report.html").read_text()


def test_tfx_s_resolver_finds_the_latest_blessed_model(tmp_path: Path) -> None:
    """In a real store of ML Metadata, with what the executor writes; refused models are passed over."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "metadata.sqlite")
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = mlmd.MetadataStore(config)
    models, blessings = [], []
    for number, passed in enumerate([True, True, False]):
        (model,) = artifact(DetectorModel, tmp_path / f"model-{number}")
        (blessing,) = artifact(standard_artifacts.ModelBlessing, tmp_path / f"blessing-{number}")
        put(store, model)
        bless(blessing, model, Verdict(blessed=passed), "baseline")
        put(store, blessing)
        models.append(model)
        blessings.append(blessing)
    stored = {
        "model": artifacts_of(store, DetectorModel),
        "blessing": artifacts_of(store, standard_artifacts.ModelBlessing),
    }
    found = LatestBlessedModelStrategy().resolve_artifacts(store, stored)
    assert found is not None
    assert [one.uri for one in found["model"]] == [models[1].uri]
    assert [one.id for one in found["blessing"]] == [blessings[1].id]


def put(store: mlmd.MetadataStore, one: types.Artifact) -> None:
    one.type_id = store.put_artifact_type(one.artifact_type)
    (one.id,) = store.put_artifacts([one.mlmd_artifact])


def artifacts_of(store: mlmd.MetadataStore, kind: type[types.Artifact]) -> list[types.Artifact]:
    found = []
    for one in store.get_artifacts_by_type(kind.TYPE_NAME):
        made = kind()
        made.set_mlmd_artifact(one)
        found.append(made)
    return found


def test_contract() -> None:
    evaluator = Evaluator(
        examples=channel_utils.as_channel([standard_artifacts.Examples()]),
        model=channel_utils.as_channel([DetectorModel()]),
        converted_model=channel_utils.as_channel([ConvertedModel()]),
        resolved_config=channel_utils.as_channel([ResolvedConfig()]),
        quarantine=channel_utils.as_channel([DataQuarantine()]),
        gate="{}",
        evaluate="{}",
        baseline="",
        baseline_label_map="",
        fingerprint="{}",
    )
    assert {key: channel.type for key, channel in evaluator.outputs.items()} == {
        "evaluation": Evaluation,
        "blessing": standard_artifacts.ModelBlessing,
    }
