from __future__ import annotations

from components.example_gen.naming import renamed, with_unique_names
from components.example_gen.records import BoxRecord, Finding, ImageRecord
from components.example_gen.sources import FileSource


def record(name, source=None):
    return ImageRecord("train", name, FileSource(source or f"/x/{name}"), None)


def test_one_path_keeps_its_names():
    records = [record("a.jpg"), record("sub/a.jpg", "/x/sub/a.jpg")]
    assert with_unique_names([("/x", records)]) == records


def test_several_folders_put_what_tells_them_apart_first():
    parts = [
        ("/data/2026-10/train", [record("a.jpg", "/1")]),
        ("/data/2026-11/train/", [record("a.jpg", "/2")]),
    ]
    assert [r.name for r in with_unique_names(parts)] == ["2026-10/train/a.jpg", "2026-11/train/a.jpg"]


def test_files_of_one_folder_have_nothing_to_put_first():
    parts = [("/data/a.json", [record("1.jpg", "/1")]), ("/data/b.json", [record("1.jpg", "/2")])]
    first, second = with_unique_names(parts)
    assert (first.name, second.name) == ("1.jpg", "1 (2).jpg")
    (note,) = second.notes
    assert (note.code, note.file, note.action) == ("DATA023", "1 (2).jpg", "kept")


def test_a_number_makes_no_name_that_another_image_has():
    """Evaluation counts only the first image of a name."""
    names = ["1 (2).jpg", "1.jpg", "1.jpg", "1.jpg", "1 (4).jpg", "1 (2).jpg"]
    records = [record(name, f"/{i}") for i, name in enumerate(names)]
    found = [r.name for r in with_unique_names([("/data", records)])]
    assert found == ["1 (2).jpg", "1.jpg", "1 (3).jpg", "1 (5).jpg", "1 (4).jpg", "1 (2) (2).jpg"]


def test_an_image_that_is_listed_twice_is_set_aside():
    twice = record("a.jpg")
    first, second = with_unique_names([("/x", [twice, twice])])
    assert first.problem is None
    assert second.problem.code == "DATA023" and "listed before, as a.jpg" in second.problem.detail


def test_records_without_an_image_are_not_twice_the_same():
    lost = ImageRecord("", "a.xml", None, "/a.xml")
    assert [r.problem for r in with_unique_names([("/x", [lost, lost])])] == [None, None]


def test_findings_go_along_with_a_new_name():
    problem, elsewhere = (Finding(name, None, "DATA013", "quarantined", "") for name in ("a", "data.yaml"))
    box = BoxRecord("line 1", "", 0, 0, 1, 1, problem=Finding("a", "line 1", "DATA020", "quarantined", ""))
    old = ImageRecord("", "a", None, None, (box,), problem=problem, notes=(elsewhere,))
    new = renamed(old, "b")
    assert (new.name, new.problem.file, new.boxes[0].problem.file) == ("b", "b", "b")
    assert new.notes == (elsewhere,)
