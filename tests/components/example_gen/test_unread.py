"""Pictures that lie with the data and that no split reads are named."""

from __future__ import annotations

import json

from components.example_gen.read import read_dataset
from tests.components.example_gen.test_voc import write


def notes(path, **options):
    """(code, file, first words) of what is said of the whole data set."""
    records = read_dataset({"train": str(path), "label_map": "/none", **options})
    of_set = [note for record in records for note in record.notes if note.code in ("DATA035", "DATA037")]
    assert all(note.action == "ignored" and note.object is None for note in of_set)
    return [(note.code, note.file, note.detail.split(" aren't")[0]) for note in of_set]


def test_a_split_without_annotations(voc_data, tmp_path):
    for split in ("train", "valid"):
        voc_data.add(split, split)
    assert notes(tmp_path) == []
    for number in range(3):
        voc_data.add("test", f"test{number}", xml=None)
    write(tmp_path, "Testing/deep/x.jpg")
    write(tmp_path, "other/y.jpg")  # its name says no split, so it isn't clear at all where it belongs
    named = {"train": str(tmp_path / "train"), "eval": str(tmp_path / "valid")}
    both = [("DATA037", "Testing", "1 pictures"), ("DATA037", "test", "3 pictures")]
    assert notes(named.pop("train"), **named) == both
    assert notes(tmp_path / "train", eval=str(tmp_path / "valid"), test=str(tmp_path / "test")) == both[:1]


def test_folders_outside_the_data_set_are_not_meant(tmp_path, xml_of):
    """Those that it lies in may be called test, too."""
    xml = xml_of("", [("cat", (1, 2, 30, 40))]).encode()
    for folder in ("test/signs", "train/signs", "test_2", "train"):
        write(tmp_path, f"{folder}/1.jpg")
        write(tmp_path, f"{folder}/1.xml", data=xml)
    (tmp_path / "list.csv").write_text(
        "filename,width,height,class,xmin,ymin,xmax,ymax\ntest/signs/1.jpg,100,80,cat,1,2,30,40\n"
    )
    (tmp_path / "test" / "list.csv").write_text((tmp_path / "list.csv").read_text().replace("test/", ""))
    assert notes(tmp_path / "test" / "list.csv") == []
    assert notes(tmp_path / "test_2") == []
    beside = [("DATA037", "train", "2 pictures")]  # named itself: it is meant as a split
    assert notes(tmp_path / "test" / "signs") == notes(tmp_path / "test") == beside
    assert notes(tmp_path / "list.csv") == beside


def test_folders_for_images_within_the_splits_or_around_them(tmp_path):
    names = "names: [cat]\n"
    for form in ("{}/images/{}.jpg", "images/{}/{}.jpg"):
        root = tmp_path / form[:2]
        for split in ("train", "val", "test"):
            image = form.format(split, split)
            write(root, image)
            label = image.replace("images", "labels").replace(".jpg", ".txt")
            write(root, label, data=b"0 0.5 0.5 0.2 0.2\n")
        places = "".join(f"{split}: {form.format(split, '')[:-5]}\n" for split in ("train", "val", "test"))
        write(root, "data.yaml", data=(places + names).encode())
        assert notes(root) == []
        without = "\n".join(line for line in places.splitlines() if "test" not in line)
        write(root, "data.yaml", data=f"{without}\n{names}".encode())
        assert notes(root) == [("DATA037", "test", "1 pictures")]


def test_coco_with_the_pictures_of_a_contest(tmp_path):
    for split in ("train2017", "val2017", "test2017"):
        write(tmp_path, f"{split}/1.jpg")
    for split in ("train2017", "val2017"):
        content = {
            "images": [{"id": 1, "file_name": "1.jpg", "width": 100, "height": 80}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]}],
            "categories": [{"id": 1, "name": "cat"}],
        }
        write(tmp_path, f"annotations/instances_{split}.json", data=json.dumps(content).encode())
    assert notes(tmp_path) == [("DATA037", "test2017", "1 pictures")]


def test_pictures_that_no_list_names(tmp_path, xml_of):
    for number in range(6):
        write(tmp_path, f"JPEGImages/{number}.jpg")
        write(tmp_path, f"Annotations/{number}.xml", data=xml_of("", [("cat", (1, 2, 30, 40))]).encode())
    write(tmp_path, "SegmentationClass/0.png")
    write(tmp_path, "ImageSets/Main/train.txt", data=b"0\n1\n")
    write(tmp_path, "ImageSets/Main/val.txt", data=b"2\n")
    [(code, file, detail)] = notes(tmp_path)
    assert (code, file, detail) == ("DATA035", "train.txt, val.txt", "3 beside those that are named")
    write(tmp_path, "ImageSets/Main/test.txt", data=b"3\n4\n5\n")
    assert notes(tmp_path) == []
    [(code, file, _)] = notes(tmp_path / "ImageSets" / "Main" / "train.txt")
    assert (code, file) == ("DATA035", "train.txt")


def test_pictures_that_no_list_of_yolo_names(tmp_path):
    for number in range(4):
        write(tmp_path, f"images/{number}.jpg")
        write(tmp_path, f"labels/{number}.txt", data=b"0 0.5 0.5 0.2 0.2\n")
    write(tmp_path, "train.txt", data=b"images/0.jpg\nimages/1.jpg\n")
    write(tmp_path, "val.txt", data=b"./images/2.jpg\n")
    write(tmp_path, "data.yaml", data=b"train: train.txt\nval: val.txt\nnames: [cat]\n")
    assert notes(tmp_path) == [("DATA035", "data.yaml", "1 beside those that are named")]
    assert notes(tmp_path / "train.txt")[0][1] == "train.txt"


def test_a_split_without_annotations_in_a_bucket(bucket, voc_data):
    voc_data.add("train", "a")
    for split in ("train", "valid", "test"):
        for file in (voc_data.root / "train").iterdir():
            if split != "test" or file.suffix == ".jpg":
                bucket.put(f"mem://b/data/{split}/{file.name}", file.read_bytes())
    assert notes("mem://b/data") == [("DATA037", "test", "1 pictures")]
