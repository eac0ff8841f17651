"""A run's plan: inputs hashed, pipeline compiled, written once; every later process of the run reads it.

`python -m pipelines.plan --detector YAML --run-id ID --result FILE`, with options for what a trigger changes,
is what orchestrators call.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from components.pusher.versions import live_version, version_at
from detection.errors import BadInput
from pipelines.capture import quiet_stderr
from pipelines.evaluated_model import model_to_evaluate
from pipelines.fingerprint import digest
from pipelines.home import DetectorHome
from pipelines.inputs import Inputs, resolve_inputs
from pipelines.metadata import metadata_address
from pipelines.nodes import NODES
from pipelines.overridden import changed_settings, with_overrides
from pipelines.overrides import Overrides, add_options, given, read_overrides
from pipelines.previous_span import previous_statistics
from pipelines.process import exit_code_of, write_json
from pipelines.retraining import Recipe, code_versions, compile_ir, data_fingerprint
from pipelines.spec import DetectorSpec

PLAN_FILE = "plan.json"
IR_FILE = "pipeline.json"


class Plan(Recipe):
    """One run, fixed when it starts."""

    run_dir: str
    detector_home: str
    detector_file: str
    created: str
    overrides: Overrides
    metadata: str
    triggered_by: str = ""

    @property
    def home(self) -> DetectorHome:
        """The detector's folder."""
        return DetectorHome(Path(self.detector_home))

    @property
    def ir_file(self) -> Path:
        """The compiled pipeline."""
        return Path(self.run_dir) / IR_FILE


def make_plan(
    detector_file: Path,
    overrides: Overrides,
    run_id: str,
    home: Path | None = None,
    *,
    triggered_by: str = "",
) -> Plan:
    """Plan one run of a detector and write HOME/DETECTOR/plans/RUN_ID/.

    `triggered_by` is who asked for it, for the publication's history; "": the system's user.

    Planning a run again gives the plan that exists if nothing has changed, and otherwise a new one under
    the id RUN_ID~2, ~3, ...: what already ran under the old inputs is never mixed with the new.
    Raises SpecError or BadInput.
    """
    written = DetectorSpec.from_file(detector_file)
    spec = with_overrides(written, overrides)
    detector_home = DetectorHome.of(spec.name, home)
    inputs = resolve_inputs(spec, overrides.span, detector_home)
    versions = code_versions()
    fingerprint = _fingerprint(spec, inputs, versions)
    for attempt in itertools.count(1):
        attempt_id = run_id if attempt == 1 else f"{run_id}~{attempt}"
        run_dir = detector_home.plan_dir(attempt_id)
        if not (run_dir / PLAN_FILE).is_file():
            break
        existing = read_plan(run_dir)
        if (existing.fingerprint, existing.overrides) == (fingerprint, overrides):
            return existing
    destination = spec.publish.destination or str(detector_home.serving)
    baseline, is_published = find_baseline(destination, fingerprint)
    # With nothing published (any more), a cached Pusher would leave it so.
    uncached = list(NODES) if overrides.force else [] if is_published else ["Pusher"]
    evaluated = None
    if overrides.only == "evaluate":
        evaluated = model_to_evaluate(spec.name, detector_home.metadata, destination)
        baseline = ""  # not the model that serves: that would be compared with itself
    plan = Plan(
        run_id=attempt_id,
        spec=spec,
        inputs=inputs,
        fingerprint=fingerprint,
        code_versions=versions,
        baseline=baseline,
        previous_statistics=_previous_statistics(spec, inputs, detector_home),
        triggered=changed_settings(written.train, spec.train),
        destination=destination,
        pipeline_root=str(detector_home.artifacts),
        uncached=uncached,
        only=overrides.only,
        evaluated=evaluated,
        publish_anyway=overrides.publish_anyway or "",
        run_dir=str(run_dir),
        detector_home=str(detector_home.root),
        detector_file=str(Path(detector_file).resolve()),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        overrides=overrides,
        metadata=metadata_address(detector_home.metadata),
        triggered_by=triggered_by,
    )
    _write(plan, compile_ir(plan))
    return plan


def read_plan(run_dir: Path) -> Plan:
    """The plan in a run's directory. Raises BadInput if there is none."""
    try:
        return Plan.model_validate_json((Path(run_dir) / PLAN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise BadInput(
            f"there is no readable plan ({type(error).__name__})",
            str(Path(run_dir) / PLAN_FILE),
            "give the run_dir that `python -m pipelines.plan` wrote into its result",
        ) from None


def find_baseline(destination: str | Path, plan_fingerprint: str) -> tuple[str, bool]:
    """Where the version to compare with is ("": the converted TF1 model), and whether any version is live.

    If the live version came from this very plan's inputs, it is compared with what it was compared with
    then, not with itself; so the same run again finds every result in the cache.
    """
    live = live_version(destination)
    if live is None:
        return "", False
    manifest = live.manifest
    if manifest.fingerprint == plan_fingerprint and (not manifest.baseline or version_at(manifest.baseline)):
        return manifest.baseline, True
    return live.address, True


def _fingerprint(spec: DetectorSpec, inputs: Inputs, versions: dict[str, str]) -> str:
    facts = {
        "contents": {role: content.identity() for role, content in inputs.contents.items()},
        "data": inputs.data.model_dump(exclude={"train", "eval", "test", "label_map", "span"}),
        "model": spec.model.model_dump(include={"weights", "prove", "allow"}),
        "train": spec.train.model_dump(),
        "export": spec.export.model_dump(),
        "evaluate": spec.evaluate.model_dump(exclude={"old_eval": True, "slices": {"__all__": {"csv"}}}),
        "gate": spec.gate.model_dump(),
        "code": versions,
    }
    return digest(json.dumps(facts, sort_keys=True))


def _previous_statistics(spec: DetectorSpec, inputs: Inputs, home: DetectorHome) -> str:
    if inputs.data.drift is None:
        return ""
    return previous_statistics(spec.name, home.metadata, data_fingerprint(inputs))


def _write(plan: Plan, ir: str) -> None:
    run_dir = Path(plan.run_dir)
    staging = run_dir.with_name(f".{run_dir.name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    (staging / IR_FILE).write_text(ir, encoding="utf-8")
    (staging / PLAN_FILE).write_text(plan.model_dump_json(indent=2), encoding="utf-8")
    os.replace(staging, run_dir)


def main(arguments: list[str] | None = None) -> int:
    """Plan a run; returns the exit code: 0, 78 for bad input, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.plan", description=__doc__)
    parser.add_argument("--detector", type=Path, required=True, help="the detector's YAML")
    parser.add_argument("--run-id", required=True)
    add_options(parser)
    parser.add_argument("--unknown", help="names in a trigger that are no option: they are refused")
    parser.add_argument("--triggered-by", default="", help="who asked for the run, for the history")
    parser.add_argument("--result", type=Path, required=True, help="where the result's JSON goes")
    options = parser.parse_args(arguments)
    try:
        values = given(vars(options)) | ({options.unknown: None} if options.unknown else {})
        overrides = read_overrides(values, DetectorSpec.from_file(options.detector).data)
        plan = make_plan(options.detector, overrides, options.run_id, triggered_by=options.triggered_by)
    except Exception as error:
        return exit_code_of(error)
    write_json(
        options.result,
        {
            "run_dir": plan.run_dir,
            "run_id": plan.run_id,
            "detector": plan.spec.name,
            "fingerprint": plan.fingerprint,
            "baseline": plan.baseline,
            "nodes": plan.nodes,
            "left_out": plan.left_out,
        },
    )
    print(f"planned {plan.run_id}: {plan.run_dir}")
    for role, content in plan.inputs.contents.items():
        print(f"  {role}: {content.files} files, {content.bytes} bytes, sha256 {content.sha256[:16]}")
    if plan.evaluated:
        print(f"  evaluated: {plan.evaluated.title}, {plan.evaluated.uri}")
    print(f"  baseline: {plan.baseline or 'the converted TF1 model'}")
    return 0


if __name__ == "__main__":
    with quiet_stderr():
        exit_code = main()
    sys.exit(exit_code)
