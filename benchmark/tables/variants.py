"""Variants of the methods, a row each: what changes with a choice that papers leave open or their code differs in."""

from benchmark.tables._paper import means as blocks  # noqa: F401  (what this view consists of)
from benchmark.tables._paper import table  # noqa: F401

CAPTION = "Variants of the methods"
DETAILS = ["heads"]
WITHOUT_DETAILS = True
