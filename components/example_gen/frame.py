"""In which picture the boxes of an image were drawn: the stored one, the upright one, or a resized copy."""

from __future__ import annotations

from typing import NamedTuple

from components.example_gen.decode import DecodedImage
from components.example_gen.orientation import upright_size
from components.example_gen.records import Finding, ImageRecord

SAME_ASPECT = 0.01  # relative difference of the two scales of a merely resized image


class Frame(NamedTuple):
    """The picture that the boxes were drawn in, and the way from it to the image as it is written."""

    size: tuple[int, int]  # (width, height) in pixels
    written: tuple[int, int]  # of the image as written, upright
    orientation: int = 1  # EXIF, of what is still to be turned

    @property
    def pixels(self) -> tuple[int, int]:
        """(width, height) of the written image, turned as the boxes were drawn."""
        return upright_size(self.written, self.orientation)


def frame_of_boxes(record: ImageRecord, image: DecodedImage) -> tuple[Frame | None, Finding | None]:
    """Decides by the size that the annotation states; boxes of an unstated size were drawn upright.

    Returns:
      The frame, None where no picture explains the stated size; and the finding, if the sizes differ.
    """
    stated = (record.width, record.height)
    upright = Frame(image.upright_size, image.size)
    if stated in (image.upright_size, (0, 0)) or not record.boxes:
        return upright, None
    if stated == image.stored_size:
        return Frame(stated, image.size, image.orientation), None
    real = f"{image.upright_size[0]}x{image.upright_size[1]}"
    detail = f"annotated as {stated[0]}x{stated[1]}, the image is {real}"
    if 0 not in stated:
        for size, orientation in ((image.upright_size, 1), (image.stored_size, image.orientation)):
            ratio = (size[0] / stated[0]) / (size[1] / stated[1])
            if abs(ratio - 1) <= SAME_ASPECT:  # the image was resized after it was annotated
                finding = Finding(record.name, None, "DATA004", "rescaled", detail)
                return Frame(stated, image.size, orientation), finding
    return None, Finding(record.name, None, "DATA004", "quarantined", detail)
