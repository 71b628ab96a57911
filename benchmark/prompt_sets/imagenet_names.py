"""ImageNet's 1000 classes by every name that WordNet has for them: a CSV file of 1,860 prompts, "image of …".

The names are those that the package `timm` ships, in two files that are read without importing it. Classes are called
as torchvision calls them. ESD (arXiv 2303.07345) has such a list, and AdvAnchor (arXiv 2501.00054) measures on it what
is retained; its noise seeds are not known here.
"""

from __future__ import annotations

import csv
import io
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from benchmark.errors import BenchmarkError

CLASSES = "imagenet_synsets.txt"  # a synset of WordNet a line, in the order of the classifier's outputs
NAMES = "imagenet_synset_to_lemma.txt"  # a synset and its names, with commas between them
HASHES = {
    CLASSES: "70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15",
    NAMES: "1b8babda187421a4bde0c9c5a197c36f6bdda962f7ca11ffb2813806cbb2178f",
}
# torchvision's name of a class is its first one, unless two classes have the same first name.
OTHERWISE = {134: "crane bird", 639: "maillot tank suit"}


def make() -> bytes:
    """The file: `text`, `class_name` and `class_index`, a row for each name, class after class.

    Raises `BenchmarkError` if the package is not installed, or has other files than the ones that were looked at.
    """
    names = dict(line.split("\t", 1) for line in _read(NAMES))
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["text", "class_name", "class_index"])
    for index, synset in enumerate(_read(CLASSES)):
        first, *more = names[synset].split(", ")
        for name in (first, *more):
            table.writerow([f"image of {name}", OTHERWISE.get(index, first), index])
    return file.getvalue().encode()


def _read(file: str) -> list[str]:
    found = find_spec("timm")  # does not import it: that would load torch
    if found is None:
        raise BenchmarkError("the package timm, which has the names of ImageNet's classes, is not installed")
    path = Path(found.submodule_search_locations[0], "data/_info", file)
    data = path.read_bytes() if path.is_file() else b""
    if sha256(data).hexdigest() != HASHES[file]:
        raise BenchmarkError(f"{path}: is not as in timm 1.0.31: install the version that requirements.txt names")
    return data.decode().splitlines()
