from __future__ import annotations

import math

import pytest

from components.example_gen.records import BoxRecord
from components.example_gen.sources import FileSource
from components.example_gen.tree import Tree
from components.example_gen.tutorial_csv import find_csv, read_csv
from components.example_gen.voc import read_voc
from detection.errors import BadInput

HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


@pytest.fixture
def folder(tmp_path, jpeg):
    (tmp_path / "train").mkdir()
    for i in range(3):
        (tmp_path / "train" / f"{i}.jpg").write_bytes(jpeg(i))
    return tmp_path


def test_groups_rows_by_image(folder):
    file = folder / "train_labels.csv"
    file.write_text(
        HEADER
        + "1.jpg,100,80,cat,1,2,3,4\n0.jpg,100,80,dog,5,6,7,8\n"
        + "1.jpg,100,80,dog,9,10,11,12\n2.jpg,100,80,,,,,\n"
    )
    zero, one, two = read_csv(str(file), "train")
    assert [b.place for b in one.boxes] == ["row 2", "row 4"]
    assert (zero.boxes[0].label, zero.boxes[0].xmin, zero.boxes[0].ymax) == ("dog", 5, 8)
    assert two.boxes == () and two.source == FileSource(str(folder / "train" / "2.jpg"))
    assert (one.width, one.height, one.annotation) == (100, 80, str(file))


def test_a_row_without_its_image_is_kept_and_a_picture_without_row_is_not_read(folder):
    file = folder / "train_labels.csv"
    file.write_text(HEADER + "1.jpg,100,80,cat,1,2,3,4\ngone.jpg,100,80,cat,1,2,3,four\n")
    one, gone = read_csv(str(file), "")
    assert one.source is not None and gone.source is None
    assert math.isnan(gone.boxes[0].ymax)
    (note,) = one.notes
    assert note.code == "DATA035" and "2 of" in note.detail and "0.jpg, 2.jpg" in note.detail


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_semicolons_and_a_byte_order_mark(folder, encoding):
    file = folder / "train_labels.csv"
    file.write_text((HEADER + "1.jpg,100,80,cat,1,2,3,4\n").replace(",", ";"), encoding=encoding)
    (record,) = read_csv(str(file), "")
    assert record.boxes[0].label == "cat"


@pytest.mark.parametrize("change", [(",", "\t"), ("\n", "\r\n"), ("\n", "\r")])
def test_other_separators_and_line_ends(folder, change):
    file = folder / "train_labels.csv"
    file.write_bytes((HEADER + "1.jpg,100,80,cat,1,2,3,4\n").replace(*change).encode())
    (record,) = read_csv(str(file), "")
    assert record.boxes == (BoxRecord("row 2", "cat", 1, 2, 3, 4),) and record.source is not None


@pytest.mark.parametrize("numbers", ["10,5,20,50,60", "10,20,50,60,5"])
def test_decimal_commas_do_not_shift_a_box(folder, numbers):
    file = folder / "train_labels.csv"
    file.write_text(HEADER + f"1.jpg,100,80,cat,1,2,3,4,,\n1.jpg,100,80,cat,{numbers}\n")
    (record,) = read_csv(str(file), "")
    first, second = record.boxes
    assert first.problem is None and record.problem is None
    assert (second.problem.code, second.problem.object) == ("DATA013", "row 3")
    assert "9 cells for 8 columns" in second.problem.detail


def test_one_picture_in_several_spellings(folder):
    file = folder / "labels.csv"
    names = ["train/1.jpg", "train\\1.jpg", "./train/1.jpg"]
    file.write_text(HEADER + "".join(f"{name},100,80,cat,{i},2,9,9\n" for i, name in enumerate(names)))
    (record,) = read_csv(str(file), "")
    assert record.name == "train/1.jpg" and [box.xmin for box in record.boxes] == [0, 1, 2]


def test_a_column_that_is_there_twice(folder):
    file = folder / "train_labels.csv"
    file.write_text(HEADER.strip() + ",class\n1.jpg,100,80,cat,1,2,3,4,1\n")
    with pytest.raises(BadInput, match="the column class twice"):
        read_csv(str(file), "")


def test_contradicting_sizes_set_the_image_aside(folder):
    file = folder / "train_labels.csv"
    file.write_text(HEADER + "1.jpg,100,80,cat,1,2,3,4\n1.jpg,200,160,cat,1,2,3,4\n")
    (record,) = read_csv(str(file), "")
    assert record.problem.code == "DATA013" and "100x80, 200x160" in record.problem.detail


def test_a_missing_column_is_named(folder):
    file = folder / "train_labels.csv"
    file.write_text("filename,width,height,label,xmin,ymin,xmax,ymax\n")
    with pytest.raises(BadInput, match="no column class"):
        read_csv(str(file), "")


def test_images_nowhere_to_be_found(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text(HEADER + "1.jpg,100,80,cat,1,2,3,4\n")
    with pytest.raises(BadInput, match="none of the images that x.csv names is found"):
        read_csv(str(file), "")


def test_finds_the_csv_of_a_folder(folder):
    def found():
        return find_csv(Tree.at(str(folder / "train")))

    assert found() is None
    (folder / "train_labels.csv").write_text(HEADER)
    assert found() == str(folder / "train_labels.csv")
    (folder / "train" / "any.csv").write_text(HEADER)
    assert found() == str(folder / "train" / "any.csv")


def test_real_csv_says_the_same_as_the_xml(microcontrollers):
    def boxes(records):
        return {r.name: sorted((b.label, b.xmin, b.ymin, b.xmax, b.ymax) for b in r.boxes) for r in records}

    images = microcontrollers / "images"
    assert boxes(read_csv(str(images / "train_labels.csv"), "")) == boxes(
        read_voc(Tree.at(str(images / "train")), "")
    )


def test_a_damaged_table_is_named(folder):
    file = folder / "train_labels.csv"
    file.write_text(HEADER + '1.jpg,100,80,"' + "x" * 200_000 + '",1,2,3,4\n')
    with pytest.raises(BadInput, match="the CSV can't be read"):
        read_csv(str(file), "")


@pytest.mark.parametrize(
    "row", ['1.jpg,100,80,"cat,1,2,3,4', '1.jpg,100,80,"cat,1,2,3,4\n2.jpg,100,80,cat",1,2,3,4']
)
def test_a_quote_that_is_not_closed_swallows_no_row(folder, row):
    file = folder / "train_labels.csv"
    file.write_text(HEADER + "0.jpg,100,80,cat,1,2,3,4\n" + row + "\n2.jpg,100,80,cat,1,2,3,4\n")
    with pytest.raises(BadInput, match="the CSV can't be read"):
        read_csv(str(file), "")
