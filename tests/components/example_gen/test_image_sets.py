from __future__ import annotations

from components.example_gen.image_sets import read_image_set
from tests.components.example_gen.test_voc import write


def test_image_sets(tmp_path, xml_of):
    for number in range(4):
        write(tmp_path, f"JPEGImages/{number}.jpg")
        xml = xml_of(f"{number}.jpg", [("cat", (1, 2, 3, 4))]).encode()
        write(tmp_path, f"Annotations/{number}.xml", data=xml)
    listed = tmp_path / "ImageSets" / "Main" / "cat_train.txt"
    write(tmp_path, "ImageSets/Main/cat_train.txt", data=b"0  1\n2 -1\r\n\n1.jpg\ngone\n")
    records = read_image_set(str(listed), "train")
    assert [(r.name, r.split, len(r.boxes)) for r in records] == [
        ("JPEGImages/0.jpg", "train", 1),
        ("JPEGImages/1.jpg", "train", 1),
        ("JPEGImages/2.jpg", "train", 1),
        ("gone", "train", 0),
    ]
    assert records[-1].source is None and records[-1].annotation == str(listed)


def test_image_sets_with_folders_dots_and_paths_of_another_machine(tmp_path, xml_of):
    for number, name in enumerate(("a/1", "b/1", "dog", "dog.2")):
        write(tmp_path, f"JPEGImages/{name}.jpg")
        xml = xml_of("", [("cat", (number, 2, 30, 40))]).encode()
        write(tmp_path, f"Annotations/{name}.xml", data=xml)
    write(tmp_path, "JPEGImages/dog.png")

    def names(text):
        write(tmp_path, "ImageSets/Main/train.txt", data=text.encode())
        records = read_image_set(str(tmp_path / "ImageSets" / "Main" / "train.txt"), "train")
        return {record.name: [box.xmin for box in record.boxes] for record in records}

    both = {"JPEGImages/a/1.jpg": [0], "JPEGImages/b/1.jpg": [1]}
    assert names("a/1\nb/1\n") == names("/home/me/VOC/JPEGImages/a/1.jpg 1\nC:\\VOC\\b\\1.jpg\n") == both
    assert names("1\n") == {"1": []}  # which of the two isn't clear
    assert names("dog\ndog.3\n") == {"JPEGImages/dog.jpg": [2], "dog.3": []}
    assert names("dog.2\n") == {"JPEGImages/dog.2.jpg": [3]}
    assert names("dog.png\n") == {"JPEGImages/dog.png": []}


def test_names_that_end_like_the_lists_of_one_class(tmp_path, xml_of):
    for number, name in enumerate(("cat", "cat 1", "dog")):
        write(tmp_path, f"JPEGImages/{name}.jpg")
        xml = xml_of("", [("cat", (number, 2, 30, 40))]).encode()
        write(tmp_path, f"Annotations/{name}.xml", data=xml)
    write(tmp_path, "ImageSets/Main/train.txt", data=b"cat 1\ndog  1\n")
    records = read_image_set(str(tmp_path / "ImageSets" / "Main" / "train.txt"), "train")
    assert [record.name for record in records] == ["JPEGImages/cat 1.jpg", "JPEGImages/dog.jpg"]
