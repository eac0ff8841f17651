"""Every file that a data set's examples depend on, as the fingerprints of its splits name them."""

from __future__ import annotations

from components.example_gen.read import Data, files_of_split, read_dataset, resolve


def list_files(data: Data) -> list[str]:
    """Images, annotations and the label map, sorted, each once."""
    options = resolve(data)
    records = read_dataset(options)
    files = {file for split in options.splits for file in files_of_split(options, split, records)}
    return sorted(files | {options.label_map})
