from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from dags.task_settings import default_arguments, task_arguments
from pipelines.orchestration import TasksSpec


def spec(**tasks):
    return SimpleNamespace(tasks=TasksSpec.model_validate(tasks))


def test_defaults():
    found = default_arguments(spec())
    assert (found["retries"], found["retry_delay"]) == (2, timedelta(seconds=5))
    assert found["retry_exponential_backoff"] is True
    assert found["max_retry_delay"] == timedelta(minutes=10)
    assert (found["priority_weight"], found["weight_rule"]) == (1, "absolute")
    assert task_arguments(spec(), "Trainer", uses_gpu=True) == {"pool": "gpu"}
    assert task_arguments(spec(), "plan", uses_gpu=False) == {}


def test_what_the_file_says():
    given = spec(retries=7, retry_delay="30s", max_retry_delay="2h", priority=9, timeouts={"Trainer": "12h"})
    found = default_arguments(given)
    assert (found["retries"], found["retry_delay"]) == (7, timedelta(seconds=30))
    assert (found["max_retry_delay"], found["priority_weight"]) == (timedelta(hours=2), 9)
    limit = {"execution_timeout": timedelta(hours=12)}
    assert task_arguments(given, "Trainer", uses_gpu=True) == {"pool": "gpu"} | limit
    assert task_arguments(given, "Evaluator", uses_gpu=True) == {"pool": "gpu"}


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ({"retries": -1}, "greater than or equal to 0"),
        ({"retry_delay": "soon"}, "a duration is a number and a unit"),
        ({"retry_delay": "20m"}, "the longest wait, 600s, is shorter than the first, 1200s"),
        ({"timeouts": {"Trainr": "1h"}}, "'Trainer'"),
        ({"timeouts": {"Trainer": "0h"}}, "a duration is a number and a unit"),
        ({"priority": 0}, "greater than or equal to 1"),
    ],
)
def test_what_can_not_be(tasks, said):
    with pytest.raises(ValidationError, match=said):
        TasksSpec.model_validate(tasks)
