"""The lineage page of real runs through TFX's launcher and ML Metadata, with stand-ins for slow executors."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.home import DetectorHome
from pipelines.layered_layout import place
from pipelines.lineage_page import lineage_page, write_lineage_page
from pipelines.nodes import READS
from pipelines.plan import Overrides, Plan, make_plan
from pipelines.run_graph import run_graph
from pipelines.run_local import run_plan


def run(detector: Path, run_id: str) -> Plan:
    plan = make_plan(detector, Overrides(), run_id, triggered_by="<anna>")
    run_plan(plan, show_progress=False)
    return plan


class _Page(HTMLParser):
    """Counts what is open, and keeps what a page loads from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in ("meta", "path", "rect", "i"):
            self.open.append(tag)
        self.ids |= {given["id"]} if given.get("id") else set()
        if tag == "a":
            self.links.add(given["href"] or "")
        elif given.get("src") or given.get("href"):
            self.loads.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "rect", "i"):
            assert self.open.pop() == tag


def test_the_graph_and_page_of_a_run(fake_executors: Path) -> None:
    plan = run(fake_executors, "run-1")
    graph = run_graph(plan)
    titles = {name: box.title for name, box in graph.boxes.items()}
    drawn = {(titles[a], titles[b]) for a, b in graph.edges}
    assert {box.title for box in graph.boxes.values() if box.kind == "node"} == set(READS)
    assert {
        ("data set", "ExampleGen"),
        ("pipeline.config", "ConfigValidator"),
        ("TF1 model", "CheckpointConverter"),
        ("ExampleGen", "examples"),
        ("examples", "Trainer"),
        ("Trainer", "model"),
        ("model", "Pusher"),
        ("blessing", "Pusher"),
        ("pushed model", "version 1"),
    } <= drawn
    data = next(box for box in graph.boxes.values() if box.title == "data set").facts
    assert data["train: sha256"] == plan.inputs.contents["train"].sha256
    version = graph.boxes["version"].facts
    assert version["run"] == "run-1" and len(version["sha256"]) == 64
    trainer = graph.boxes["Trainer"].facts
    assert trainer["code_version"] == plan.code_versions["Trainer"] and "steps: 20" in trainer["train"]
    assert graph.boxes["ExampleGen"].note == "+ schema, statistics"

    first = write_lineage_page(plan)
    assert first == Path(plan.run_dir) / "lineage.html"
    text = first.read_text()
    assert (DetectorHome.of("tiny").root / "lineage.html").read_text() == text
    page = _Page(text)
    assert page.open == ["html"] or page.open == []
    assert page.loads == [] and "<script" not in text and "<anna>" not in text
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    shown = unescape(text)
    for content in plan.inputs.contents.values():
        assert content.sha256 in shown and content.path in shown
    assert len(re.findall(r"<rect ", text)) == len({name for edge in graph.edges for name in edge})
    assert len(re.findall(r"marker-end", text)) == len(graph.edges)
    copy = Path(plan.run_dir) / "copy.html"
    done = CliRunner().invoke(app, ["lineage", "tiny", "--html", str(copy)])
    assert done.exit_code == 0 and copy.read_text() == text


def test_a_cached_run_names_the_run_that_made_its_artifacts(fake_executors: Path) -> None:
    run(fake_executors, "run-1")
    plan = run(fake_executors, "run-2")
    graph = run_graph(plan)
    model = next(box for box in graph.boxes.values() if box.title == "model")
    assert model.facts["made in run"] == "run-1"
    assert graph.boxes["Trainer"].note == "from the cache"
    assert "Lineage of run run-2" in lineage_page(plan)


def test_what_has_not_run_is_not_drawn(fake_executors: Path) -> None:
    plan = run(fake_executors, "run-1")
    for node in ("Evaluator", "Pusher"):
        (Path(plan.run_dir) / "nodes" / f"{node}.json").unlink()
    graph = run_graph(plan)
    assert "Evaluator" not in graph.boxes and "version" not in graph.boxes
    assert not {name for edge in graph.edges for name in edge} - graph.boxes.keys()
    assert "CheckpointConverter" in lineage_page(plan)


EDGES = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d"), ("x", "d"), ("a", "c"), ("y", "b")]


def test_boxes_do_not_overlap_and_arrows_go_down() -> None:
    sizes = {name: (80.0, 30.0) for name in "abcdxy"} | {"c": (150.0, 44.0)}
    layout = place(sizes, EDGES)
    areas = [(x, y, *sizes[name]) for name, (x, y) in layout.corners.items()]
    for number, (x, y, w, h) in enumerate(areas):
        assert x >= -0.01 and x + w <= layout.width + 0.01 and y + h <= layout.height + 0.01
        for x2, y2, w2, h2 in areas[number + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    for (source, target), way in layout.ways.items():
        assert all(above[1] <= below[1] for above, below in pairwise(way))
        left, top = layout.corners[source]
        assert way[0] == (left + sizes[source][0] / 2, top + sizes[source][1])
        assert way[-1][1] == layout.corners[target][1]
    assert layout.corners["x"][1] == layout.corners["c"][1], "a box that nothing leads to is near its reader"


def test_an_arrow_goes_round_the_boxes_between() -> None:
    sizes = {name: (80.0, 30.0) for name in "abcdxy"}
    layout = place(sizes, EDGES)
    for (source, target), way in layout.ways.items():
        for x, y in way[1:-1]:
            for name in set(sizes) - {source, target}:
                left, top = layout.corners[name]
                assert not (left < x < left + 80 and top <= y <= top + 30), (source, target, name)


@pytest.mark.parametrize("edges", [[], [("a", "b")]])
def test_small_graphs(edges: list[tuple[str, str]]) -> None:
    layout = place({"a": (80.0, 30.0), "b": (80.0, 30.0)}, edges)
    assert layout.height == (90.0 if edges else 30.0)
