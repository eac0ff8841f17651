from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipelines.orchestration import ContainersSpec
from pipelines.spec import DetectorSpec, SpecError

DETECTOR = """
name: signs
executor: {executor}
model: {{pipeline_config: pipeline.config, checkpoint: model.ckpt}}
data: {{train: data, label_map: label_map.pbtxt}}
gate: {{floor: 0.4}}
"""


def read(executor: str, containers: str = "") -> DetectorSpec:
    return DetectorSpec.from_text(DETECTOR.format(executor=executor) + containers, "signs.yaml", Path("/d"))


def test_amounts_are_kubernetes_quantities_and_numbers() -> None:
    spec = ContainersSpec(cpu="500m", memory="1.5Gi")
    assert (spec.cpus, spec.memory_bytes) == (0.5, 3 << 29)
    assert (ContainersSpec(cpu="4").cpus, ContainersSpec(memory="2G").memory_bytes) == (4.0, 2 * 10**9)
    assert (ContainersSpec().cpus, ContainersSpec().memory_bytes) == (None, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [("cpu", "four"), ("cpu", "0"), ("cpu", "-1"), ("memory", "16GB"), ("memory", "0Gi"), ("memory", "1e9")],
)
def test_other_amounts_are_refused(field: str, value: str) -> None:
    with pytest.raises(ValidationError, match=field):
        ContainersSpec.model_validate({field: value})


@pytest.mark.parametrize(
    ("executor", "containers"),
    [
        ("process", ""),
        ("docker", "{image: i, gpus: -1, cpu: '2', memory: 4Gi, secrets: [TOKEN]}"),
        ("docker", "{volumes: [{source: /data}, {source: /data, path: /again}]}"),
        ("kubernetes", "{image: i, gpus: 2, gpu_resource: amd.com/gpu, node_selector: {pool: gpu}}"),
        ("kubernetes", "{cpu: '2', memory: 4Gi, secrets: [cloud-key], volumes: [{source: a, path: /a}]}"),
    ],
)
def test_what_an_executor_can_use(executor: str, containers: str) -> None:
    spec = read(executor, f"containers: {containers}\n" if containers else "")
    # A plan keeps a copy of the spec, in which every setting is given.
    assert DetectorSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("executor", "containers", "problem"),
    [
        ("process", "{image: i}", "containers.image needs executor: docker or kubernetes"),
        ("process", "{gpus: 0}", "containers.gpus needs executor: docker or kubernetes"),
        ("docker", "{gpu_resource: amd.com/gpu}", "containers.gpu_resource needs executor: kubernetes"),
        ("docker", "{node_selector: {a: b}}", "containers.node_selector needs executor: kubernetes"),
        ("docker", "{volumes: [{source: claim, path: /a}]}", "a source is an absolute folder, got 'claim'"),
        ("docker", "{volumes: [{source: /a}, {source: /b, path: /a}]}", "two volumes at /a"),
        ("docker", "{secrets: [cloud-key]}", "names of variables, got 'cloud-key'"),
        ("kubernetes", "{gpus: -1}", "-1 (all) is for executor: docker"),
        ("kubernetes", "{volumes: [{source: /data, path: /a}]}", "a source is a claim's name, got '/data'"),
        ("kubernetes", "{volumes: [{source: pictures}]}", "the claim 'pictures' needs a path"),
        ("kubernetes", "{secrets: [TOKEN]}", "names of Secrets, got 'TOKEN'"),
        ("kubernetes", "{volumes: [{source: a, path: b}]}", "a path in a container is absolute"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(executor: str, containers: str, problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(executor, f"containers: {containers}\n")
    assert problem in str(caught.value) and "fix:" in str(caught.value)
