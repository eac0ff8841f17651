"""The trigger form of a retraining: its fields, and the command line that they become."""

from __future__ import annotations

from airflow.sdk import Param

from pipelines.spec import DetectorSpec

# The plan's options. `span` is the run's own where a schedule or an event gave it one.
OVERRIDES = (
    "{{ '--steps=%s' % params.steps if params.steps is not none else '' }}",
    "{{ '--learning-rate=%s' % params.learning_rate if params.learning_rate is not none else '' }}",
    "{% set span = params.span or dag_run.partition_key %}{{ '--span=%s' % span if span else '' }}",
    "{{ '--force' if params.force else '' }}",
)


def trigger_params(spec: DetectorSpec) -> dict[str, Param]:
    """The fields of the trigger form; empty means: as in the detector's file."""
    return {
        "steps": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Training steps",
            description=f"Empty: {spec.train.steps or 'as in pipeline.config'}",
        ),
        "learning_rate": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            title="Learning rate",
            description="The highest of the schedule. "
            f"Empty: {spec.train.learning_rate or 'as in pipeline.config'}",
        ),
        "span": Param(
            None,
            type=["null", "string"],
            maxLength=100,
            title="Span of data",
            description="Replaces {span} in the data's paths, for example 2026-11"
            if spec.data.uses_span
            else "This detector's paths have no {span}: leave it empty",
        ),
        "force": Param(
            False,
            type="boolean",
            title="Run everything anew",
            description="Ignore the cache, even where no input has changed",
        ),
    }
