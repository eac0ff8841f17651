"""The Pusher as a TFX node."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tfx import types
from tfx.types import channel_utils, standard_artifacts

from components.evaluator.detector import SavedDetector
from components.evaluator.options import GateOptions
from components.evaluator.results import Comparison, GateRule, Metrics, ModelEvaluation, Verdict
from components.evaluator.smoke_test import SmokeTest, write_smoke_test
from components.pusher.component import Pusher
from components.pusher.executor import Executor
from components.pusher.versions import live_version, read_history, version_folder
from components.types import DetectorModel, Evaluation
from detection.errors import BadInput, Failed
from tests.components.pusher.conftest import SCORES
from tests.components.pusher.small_detector import small_smoke_test
from tests.object_store import objects


def evaluation_of(value: float) -> ModelEvaluation:
    metrics = Metrics(
        images=60,
        groundtruth_boxes=9,
        mAP=value,
        mAP_50=value,
        mAP_75=value,
        recall_50=value,
        by_class={},
        by_size={},
    )
    return ModelEvaluation(title="version 2", saved_model="x", metrics=metrics, seconds=1.0)


@pytest.fixture
def push(
    tmp_path: Path,
    make_detector: Callable[[str], Path],
    smoke_test: Callable[[str], SmokeTest],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., types.Artifact]:
    """Push a model with a blessing of 0 or 1; returns the pushed_model artifact."""
    monkeypatch.setenv("UPCYCLE_RUN_ID", "scheduled-3")

    def run(
        content: str,
        blessed: int,
        evaluated: str | None = None,
        anyway: str = "",
        destination: str = str(tmp_path / "serving"),
    ) -> types.Artifact:
        def artifact(kind: type[types.Artifact], path: Path) -> types.Artifact:
            path.mkdir(exist_ok=True)
            made = kind()
            made.uri = str(path)
            return made

        comparison = Comparison(
            gate=GateOptions(floor=0.5),
            verdict=Verdict(
                blessed=bool(blessed),
                rules=[
                    GateRule(
                        rule="floor",
                        passed=bool(blessed),
                        measured=0.75,
                        limit=0.5,
                        sentence="the gate's word",
                    )
                ],
            ),
            candidate=evaluation_of(0.75),
            baseline=evaluation_of(0.5),
        )
        evaluation = artifact(Evaluation, tmp_path / "evaluation")
        (tmp_path / "evaluation" / "metrics.json").write_text(comparison.model_dump_json())
        write_smoke_test(smoke_test(evaluated or content), tmp_path / "evaluation")
        blessing = artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
        blessing.set_int_custom_property("blessed", blessed)
        pushed = artifact(standard_artifacts.PushedModel, tmp_path / f"pushed-{content}")
        manifest = {"detector": "signs", "fingerprint": "f", "baseline": "", "facts": {"code_version": "c1"}}
        Executor().Do(
            {
                "model": [artifact(DetectorModel, make_detector(content))],
                "blessing": [blessing],
                "evaluation": [evaluation],
            },
            {"pushed_model": [pushed]},
            {
                "destination": destination,
                "manifest": json.dumps(manifest),
                "keep_versions": 0,
                "publish_anyway": anyway,
                "code_version": "c1",
            },
        )
        return pushed

    return run


def test_a_blessed_model_is_published(push: Callable[..., types.Artifact], tmp_path: Path) -> None:
    pushed = push("a", blessed=1)
    live = live_version(tmp_path / "serving")
    assert live is not None
    assert live.manifest.run_id == "scheduled-3"
    assert live.manifest.facts["code_version"] == "c1"
    assert live.manifest.facts["metrics"]["mAP_50"] == 0.75
    assert live.manifest.facts["metrics"]["baseline_mAP_50"] == 0.5
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_int_custom_property("version") == 1
    assert pushed.get_string_custom_property("pushed_destination") == str(live.path)
    assert (Path(pushed.uri) / "manifest.json").read_bytes() == (live.path / "manifest.json").read_bytes()


def test_a_blessed_model_is_published_to_an_object_store(
    push: Callable[..., types.Artifact], address: str
) -> None:
    with pytest.raises(Failed, match="does not detect what the evaluated one did"):
        push("b", blessed=1, evaluated="a", destination=address)
    assert objects(address) == {}
    pushed = push("a", blessed=1, destination=address)
    live = live_version(address)
    assert live is not None and live.manifest.run_id == "scheduled-3"
    assert pushed.get_string_custom_property("pushed_destination") == f"{address}/versions/1"
    there = objects(address)
    assert there["versions/1/manifest.json"] == (Path(pushed.uri) / "manifest.json").read_bytes()
    assert len(there["versions/1/assets.extra/tf_serving_warmup_requests"]) > 0
    with version_folder(live.address) as folder:
        (found,) = SavedDetector(folder).detect(small_smoke_test(SCORES["a"]).image[None])
    assert len(found.scores) == 1


def test_a_model_that_was_not_the_evaluated_one_is_not_published(
    push: Callable[..., types.Artifact], tmp_path: Path
) -> None:
    push("a", blessed=1)
    with pytest.raises(Failed, match="does not detect what the evaluated one did"):
        push("b", blessed=1, evaluated="a")
    live = live_version(tmp_path / "serving")
    assert live is not None and live.number == 1
    assert not list((tmp_path / "serving").glob(".staging*"))
    requests = live.path / "assets.extra" / "tf_serving_warmup_requests"
    assert requests.stat().st_size > 0


def test_a_refused_model_leaves_serving_untouched(
    push: Callable[..., types.Artifact], tmp_path: Path
) -> None:
    push("a", blessed=1)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "serving").rglob("*")}
    pushed = push("b", blessed=0)
    assert pushed.get_int_custom_property("pushed") == 0
    assert list(Path(pushed.uri).iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "serving").rglob("*")} == before


def test_a_person_can_publish_what_was_refused(
    push: Callable[..., types.Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPCYCLE_ACTOR", "anna")
    pushed = push("a", blessed=0, anyway="  the old one misses every sign at night ")
    live = live_version(tmp_path / "serving")
    assert live is not None and pushed.get_int_custom_property("pushed") == 1
    reason = "the old one misses every sign at night"
    assert live.manifest.facts["published_anyway"] == {"reason": reason, "who": "anna"}
    assert pushed.get_string_custom_property("pushed_anyway") == reason
    assert pushed.get_string_custom_property("pushed_by") == "anna"
    [entry] = read_history(tmp_path / "serving")
    assert (entry.anyway, entry.who, entry.why) == (reason, "anna", "the gate's word")


def test_a_blessed_model_needs_no_persons_word(push: Callable[..., types.Artifact], tmp_path: Path) -> None:
    pushed = push("a", blessed=1, anyway="in case of refusal")
    live = live_version(tmp_path / "serving")
    assert live is not None and "published_anyway" not in live.manifest.facts
    assert not pushed.has_custom_property("pushed_anyway")
    assert [entry.anyway for entry in read_history(tmp_path / "serving")] == [""]


def test_blanks_are_no_reason(push: Callable[..., types.Artifact], tmp_path: Path) -> None:
    assert push("a", blessed=0, anyway="  ").get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_no_reason_publishes_a_copy_that_fails_its_test(
    push: Callable[..., types.Artifact], tmp_path: Path
) -> None:
    push("a", blessed=1)
    with pytest.raises(Failed, match="does not detect what the evaluated one did"):
        push("b", blessed=0, evaluated="a", anyway="a good reason")
    live = live_version(tmp_path / "serving")
    assert live is not None and live.number == 1
    assert len(read_history(tmp_path / "serving")) == 1


def test_the_first_refusal_makes_no_destination(push: Callable[..., types.Artifact], tmp_path: Path) -> None:
    push("a", blessed=0)
    assert not (tmp_path / "serving").exists()


def test_a_run_without_an_id_is_refused(
    push: Callable[..., types.Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UPCYCLE_RUN_ID")
    with pytest.raises(BadInput, match="UPCYCLE_RUN_ID"):
        push("a", blessed=1)
    assert not (tmp_path / "serving").exists()


def test_contract() -> None:
    pusher = Pusher(
        model=channel_utils.as_channel([DetectorModel()]),
        blessing=channel_utils.as_channel([standard_artifacts.ModelBlessing()]),
        evaluation=channel_utils.as_channel([Evaluation()]),
        destination="serving",
        manifest="{}",
        keep_versions=0,
    )
    assert pusher.outputs["pushed_model"].type is standard_artifacts.PushedModel
