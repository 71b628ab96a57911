"""Table 1 of the paper: erasing artistic styles."""

from benchmark.tables._paper import blocks, table  # noqa: F401  (what this view consists of)

CAPTION = "Erasing artistic styles (Table 1 of the paper)"
PAPER_PLACE = "Table 1"
LEAST = {"images": 2}
DETAILS = ["heads"]
WITHOUT_DETAILS = True
