"""Table 2 of the paper: erasing objects."""

from benchmark.tables._paper import blocks, table  # noqa: F401  (what this view consists of)

CAPTION = "Erasing objects (Table 2 of the paper)"
PAPER_PLACE = "Table 2"
LEAST = {"images": 2}
