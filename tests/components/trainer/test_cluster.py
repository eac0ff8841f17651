"""What TF_CONFIG may say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.trainer.cluster import read_cluster
from detection.errors import BadInput

TWO = ["a:1", "b:2"]


def config(cluster: Any, job: Any = "worker", index: Any = 0) -> dict[str, str]:
    """An environment with TF_CONFIG."""
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": job, "index": index}})}


def test_a_machine_alone_is_no_cluster() -> None:
    alone = '{"cluster": {"worker": ["here:1"]}}'
    for environment in ({}, {"TF_CONFIG": ""}, {"TF_CONFIG": alone}, config({"chief": ["here:1"]}, "chief")):
        assert read_cluster(environment) is None


@pytest.mark.parametrize(
    ("cluster", "job", "index", "addresses", "rank"),
    [
        ({"worker": TWO}, "worker", 0, ("a:1", "b:2"), 0),
        ({"worker": TWO}, "worker", 1, ("a:1", "b:2"), 1),
        ({"worker": TWO, "chief": ["c:3"]}, "chief", 0, ("c:3", "a:1", "b:2"), 0),
        ({"worker": TWO, "chief": ["c:3"]}, "worker", 0, ("c:3", "a:1", "b:2"), 1),
    ],
)
def test_the_chief_or_else_worker_0_comes_first(
    cluster: Any, job: str, index: int, addresses: tuple[str, ...], rank: int
) -> None:
    found = read_cluster(config(cluster, job, index))
    assert found is not None
    assert (found.addresses, found.rank, found.first) == (addresses, rank, rank == 0)
    assert found.address_of(job, index) == addresses[rank]
    assert found.jobs == ((("chief", 1), ("worker", 2)) if "chief" in cluster else (("worker", 2),))


@pytest.mark.parametrize(
    ("environment", "what"),
    [
        ({"TF_CONFIG": "{"}, "it is no JSON: "),
        ({"TF_CONFIG": "[]"}, "it names no cluster"),
        ({"TF_CONFIG": "{}"}, "it names no cluster"),
        ({"TF_CONFIG": '{"cluster": 3}'}, "it names no cluster"),
        (config({}), "it names no cluster"),
        (config({"worker": TWO, "ps": ["c:3"]}), "parameter servers have no part"),
        (config({"worker": TWO, "evaluator": ["c:3"]}), "'evaluator' has no part"),
        (config({"worker": TWO}, "evaluator"), "task names no job of the cluster .* type is 'evaluator'"),
        (config({"worker": TWO}, None), "task names no job of the cluster .* type is None"),
        (config({"worker": "a:1"}), "worker is no list of addresses"),
        (config({"worker": ["a:1", "b"]}), "worker is no list of addresses"),
        (config({"worker": ["a:1", "b:99999"]}), "worker is no list of addresses"),
        (config({"worker": ["a:1", 3]}), "worker is no list of addresses"),
        (config({"worker": []}), "worker is no list of addresses"),
        (config({"worker": ["a:1", "a:1"]}), "an address is there twice"),
        (config({"chief": TWO}, "chief"), "there are several chiefs"),
        (config({"worker": TWO}, index=2), "task names none of the 2 machines of worker: index is 2"),
        (config({"worker": TWO}, index=-1), "task names none of the 2 machines of worker: index is -1"),
        (config({"worker": TWO}, index="0"), "task names none of the 2 machines of worker: index is '0'"),
        (config({"worker": TWO}, index=True), "task names none of the 2 machines of worker: index is True"),
        ({"TF_CONFIG": json.dumps({"cluster": {"worker": TWO}})}, "task names no job of the cluster"),
    ],
)
def test_a_wrong_one_is_refused(environment: dict[str, str], what: str) -> None:
    with pytest.raises(BadInput, match=what) as error:
        read_cluster(environment)
    assert error.value.where == "TF_CONFIG" and error.value.exit_code == 78
    assert '"task": {"type": "worker", "index": 0}' in error.value.fix
