from __future__ import annotations

import pytest

from components.example_gen import histograms
from components.example_gen.histograms import Histogram


def test_values_fall_into_their_bins():
    histogram = Histogram.of([0, 1, 2])
    histogram.add((0, 0.5, 1, 1.99))
    histogram.add(iter((2, 100)))
    assert histogram.counts == [2, 2, 2]
    other = Histogram.of([0, 1, 2])
    other.add([5])
    histogram.merge(other)
    assert histogram.counts == [2, 2, 3]


def test_distance_is_that_of_kolmogorov_and_smirnov():
    edges = [0, 1, 2]

    def of(*counts):
        return Histogram(lower_edges=edges, counts=list(counts))

    assert of(1, 1, 1).distance(of(5, 5, 5)) == pytest.approx(0)
    assert of(4, 0, 0).distance(of(0, 0, 7)) == pytest.approx(1)
    assert of(2, 2, 0).distance(of(0, 2, 2)) == pytest.approx(0.5)
    assert of(2, 2, 0).distance(of(0, 0, 0)) == 0
    assert of(2, 2, 0).distance(Histogram(lower_edges=[0, 3, 4], counts=[0, 0, 9])) == 0


@pytest.mark.parametrize("name", [name for name in dir(histograms) if name.endswith("_EDGES")])
def test_edges_rise_from_zero(name):
    edges = getattr(histograms, name)
    assert edges[0] == 0 and edges == sorted(set(edges))
