"""Table 4 of the paper: how the search for the anchor and the training of the model take turns, for both losses."""

from benchmark.tables._ablation import blocks, table  # noqa: F401  (what this view consists of)

CAPTION = "Strategies: how the search for the anchor and the training of the model take turns (Table 4 of the paper)"
PAPER_PLACE = "Table 4"
LEAST = {"models": 2, "images": 2}
