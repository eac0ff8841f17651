"""What the nodes tell OpenLineage: data sets in, data sets out, with their hashes and the model's metrics.

Airflow's OpenLineage provider asks an operator for it when a transport is set
(AIRFLOW__OPENLINEAGE__TRANSPORT), and sends the events. Without one nothing here is called or imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dags.run_files import output, properties, read_json, verdict
from pipelines.spec import READS

NAMESPACE = "file"
PLAN_OPTION = "--plan="


class LineageEvents:
    """Mixed into the operators of every executor: the three methods that the provider looks for."""

    task_id: str

    def get_openlineage_facets_on_start(self) -> Any:
        """The node's inputs: the plan knows them before it runs."""
        return self._lineage(ended=False)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The node's inputs and outputs."""
        return self._lineage(ended=True)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:
        """The node's inputs: a node that failed leaves nothing."""
        return self._lineage(ended=False)

    def _lineage(self, ended: bool) -> Any:
        from airflow.providers.openlineage.extractors import OperatorLineage

        run_dir = run_dir_of([*getattr(self, "arguments", ()), *(getattr(self, "command", None) or ())])
        if run_dir is None:
            return OperatorLineage()
        return OperatorLineage(
            inputs=list(_inputs(run_dir, self.task_id)),
            outputs=list(_outputs(run_dir, self.task_id)) if ended else [],
        )


def run_dir_of(arguments: Iterable[str]) -> Path | None:
    """The run's folder that a node's command names, or None if it names none."""
    found = [text.removeprefix(PLAN_OPTION) for text in arguments if text.startswith(PLAN_OPTION)]
    return Path(found[0]) if found else None


def _inputs(run_dir: Path, node: str) -> Iterable[Any]:
    """The run's own inputs that the node reads, and what the nodes before it made."""
    from openlineage.client.event_v2 import InputDataset

    plan = read_json(run_dir / "plan.json")
    contents = (plan.get("inputs") or {}).get("contents") or {}
    for role in READS.get(node, ()):
        if role in contents:
            content = contents[role]
            yield _dataset(InputDataset, content["path"], version=content["sha256"], about=role)
    if node == "Evaluator" and plan.get("baseline"):
        yield _dataset(InputDataset, plan["baseline"], about="the version that serves")
    for producer, key in _upstream(run_dir, node):
        folder = output(_result(run_dir, producer), key)
        if folder is not None:
            yield _dataset(InputDataset, str(folder), about=f"{producer}'s {key}")


def _outputs(run_dir: Path, node: str) -> Iterable[Any]:
    """What the node made; a published version is one more, with the hash of its files."""
    from openlineage.client.event_v2 import OutputDataset

    result = _result(run_dir, node)
    for key in sorted(result.get("outputs") or {}):
        folder = output(result, key)
        if folder is None:
            continue
        more: dict[str, Any] = {}
        if key == "examples":
            more = _schema(output(result, "schema"))
        if key == "evaluation":
            more = _evaluation(result, folder)
        yield _dataset(OutputDataset, str(folder), about=f"{node}'s {key}", more=more)
    published = properties(result, "pushed_model")
    if published.get("pushed"):
        place = str(published["pushed_destination"])
        content_hash = read_json(Path(place) / "manifest.json").get("content_hash")
        about = f"version {published['version']}"
        more = _evaluation(_result(run_dir, "Evaluator"))
        yield _dataset(OutputDataset, place, version=content_hash, about=about, more=more)


def _result(run_dir: Path, node: str) -> dict[str, Any]:
    return read_json(run_dir / "nodes" / f"{node}.json")


def _upstream(run_dir: Path, node: str) -> Iterable[tuple[str, str]]:
    """The outputs of other nodes that a node reads, as the compiled pipeline says."""
    for entry in read_json(run_dir / "pipeline.json").get("nodes", []):
        found = entry.get("pipeline_node", {})
        if found.get("node_info", {}).get("id") == node:
            for value in found.get("inputs", {}).get("inputs", {}).values():
                for channel in value.get("channels", []):
                    yield channel["producer_node_query"]["id"], channel["output_key"]


def _dataset(
    kind: Any, path: str, *, version: Any = None, about: str = "", more: Mapping[str, Any] | None = None
) -> Any:
    """A folder or file as OpenLineage names it; `gs://bucket/x` is `x` in the namespace `gs://bucket`."""
    from openlineage.client.facet_v2 import dataset_version_dataset, documentation_dataset

    facets: dict[str, Any] = dict(more or {})
    if version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(str(version))
    if about:
        facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(about.replace("_", " "))
    remote = re.fullmatch(r"(\w+://[^/]+)/(.+)", path)
    namespace, name = (remote[1], remote[2]) if remote else (NAMESPACE, path)
    return kind(namespace=namespace, name=name, facets=facets)


def _schema(folder: Path | None) -> dict[str, Any]:
    """The features of the examples, from TFX's schema beside them."""
    from openlineage.client.facet_v2 import schema_dataset

    file = folder / "schema.pbtxt" if folder else None
    if file is None or not file.is_file():
        return {}
    features = re.findall(r'^feature \{\n  name: "(.+)"\n  type: (\w+)', file.read_text(), re.MULTILINE)
    fields = [schema_dataset.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in features]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields=fields)}


def _evaluation(evaluator: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """The metrics and the gate's verdict as a facet of our own, `upcycle_evaluation`."""
    import attrs
    from openlineage.client.facet_v2 import DatasetFacet

    folder = folder or output(evaluator, "evaluation")
    found = verdict(evaluator)
    if folder is None or found is None:
        return {}
    metrics = read_json(folder / "metrics.json").get("candidate", {}).get("metrics", {})
    facet = attrs.make_class(
        "UpcycleEvaluation",
        {name: attrs.field(default=None) for name in ("mAP", "mAP_50", "mAP_75", "blessed", "reasons")},
        bases=(DatasetFacet,),
        kw_only=True,
    )
    measured = {name: metrics.get(name) for name in ("mAP", "mAP_50", "mAP_75")}
    return {"upcycle_evaluation": facet(**measured, blessed=found.blessed, reasons=found.sentences)}
