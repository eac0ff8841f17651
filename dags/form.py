"""The trigger form of a retraining: its fields, and the command line that they become.

The rules of the fields are those of pipelines.overrides; here is what people read.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from dags.schedule import NEWEST
from pipelines.spec import DetectorSpec, schemas

# By section, in the form's order.
_TITLES = {
    "Data": {"span": "Span of data", "data": "Training data"},
    "Training": {
        "steps": "Training steps",
        "learning_rate": "Learning rate",
        "checkpoint": "Base checkpoint",
    },
    "Run": {"only": "What to do", "force": "Run everything anew"},
    "Publication": {"publish_anyway": "Publish anyway, because"},
}
_DISPLAYED = {
    "null": "Everything: train, evaluate, publish",
    "evaluate": "Evaluate only: measure the model that serves",
    "convert": "Convert only: prove the conversion, and stop",
}
_FIELDS = [name for titles in _TITLES.values() for name in titles]
_NAMED = [name for name in _FIELDS if name not in ("span", "force")]
_UNKNOWN = f"(dag_run.conf or {{}}) | reject('in', {_FIELDS!r}) | sort | join(', ')"

# The plan's options: templates of which each renders to one argument, or to nothing. A value is never part of
# a template, so it comes out as text. The span is the run's own where a schedule or an event gave it one.
PLAN_OPTIONS = (
    "{% set span = params.span or dag_run.partition_key %}"
    f"{{{{ '--span=%s' % span if span and span != {NEWEST!r} else '' }}}}",
    *(
        f"{{{{ '--{name.replace('_', '-')}=%s' % params.{name} if params.{name} is not none else '' }}}}"
        for name in _NAMED
    ),
    "{{ '--force' if params.force else '' }}",
    f"{{% set unknown = {_UNKNOWN} %}}{{{{ '--unknown=%s' % unknown if unknown else '' }}}}",
)


def trigger_params(spec: DetectorSpec) -> dict[str, Param]:
    """The fields of the trigger form; empty means: as in the detector's file."""
    rules, descriptions = schemas(spec.data), _descriptions(spec)
    more: dict[str, dict[str, Any]] = {"only": {"values_display": _DISPLAYED}}
    return {
        name: Param(
            False if name == "force" else None,
            description=descriptions[name],
            source="dag",
            title=title,
            section=section,
            **rules[name],
            **more.get(name, {}),
        )
        for section, titles in _TITLES.items()
        for name, title in titles.items()
    }


def _descriptions(spec: DetectorSpec) -> dict[str, str]:
    train, data = spec.train, spec.data
    span = f"Replaces {{span}} in the data's paths, for example 2026-11. Empty: {data.span or 'the newest'}"
    return {
        "span": span if data.uses_span else "This detector's paths have no {span}: leave it empty",
        "data": f"Replaces data.train: an absolute path, gs://... or s3://... Empty: {', '.join(data.train)}",
        "steps": f"Empty: {train.steps or 'as in pipeline.config'}",
        "learning_rate": "The highest of the schedule, above 0 and at most 10. "
        f"Empty: {train.learning_rate or 'as in pipeline.config'}",
        "checkpoint": "Replaces model.checkpoint: an absolute path, or package:DIST:FILE. "
        f"Empty: {spec.model.checkpoint}",
        "only": "Tasks left out are skipped. A run that only evaluates or converts publishes nothing",
        "force": "Ignore the cache, even where no input has changed",
        "publish_anyway": "A reason in one line publishes the model even if the gate refuses it; the history "
        "keeps it, with your name. Empty: the gate decides",
    }
