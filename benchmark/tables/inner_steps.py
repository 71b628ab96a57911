"""Table 5 of the paper: how many steps the search for the anchor may take on each input (K), for both losses."""

from benchmark.tables._ablation import blocks, table  # noqa: F401  (what this view consists of)

CAPTION = "Inner steps: how many steps the search for the anchor may take on each input, K (Table 5 of the paper)"
PAPER_PLACE = "Table 5"
LEAST = {"models": 2, "images": 2}
