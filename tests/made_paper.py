"""Made-up printed tables that are consistent: true numbers, rounded as one prints them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import yaml

from benchmark.store import printed


class Made:
    """Tables with the paper's rows and columns, but other numbers of images and runs, and other numbers."""

    def __init__(self, folder: Path, dice: np.random.Generator):
        self.folder, self.dice = folder, dice
        self.tie = 1e-12 * dice.choice([-1, 1])  # one hand rounds all ties up, another one down
        content = yaml.safe_load((printed.FOLDER / "tables.yaml").read_text())
        for table in content["tables"].values():
            table["runs"] = int(dice.integers(1, 4))
            images = int(dice.choice([50, 200, 250, 1000]))
            for side in table["sides"].values():
                others = side.get("others_of") and len(table["concepts"]) - 1
                side["images"] = images * (others or 1)
        content["tables"]["table5.csv"]["runs"] = content["tables"]["table4.csv"]["runs"]
        content["tables"]["table5.csv"]["sides"] = content["tables"]["table4.csv"]["sides"]
        self.content = content

    def write(self):
        (self.folder / "tables.yaml").write_text(yaml.safe_dump(self.content, sort_keys=False))
        self.declared = printed.declared(self.folder)
        true = {file: self.table(table) for file, table in self.declared.tables.items()}
        for same in self.declared.same:
            first = {key: v for key, v in true[same.first].items() if key[1] == same.method}
            true[same.second] |= {(key[0], same.its_method, *key[2:]): value for key, value in first.items()}
        self.put("prose.csv", printed.Quote._fields, self.prose(true))
        for file, numbers in true.items():
            number = self.declared.tables[file].number
            rows = [(number, *key, self.rounded(value, self.digits(key))) for key, value in numbers.items()]
            self.put(file, printed.LINES, rows)
        for each in self.declared.sums:
            parts = self.dice.integers(0, 300, (8, 2))
            rows = [(f"class{i}", *part) for i, part in enumerate(parts)] + [(each.row, *parts.sum(0))]
            self.put(each.file, ("class_v3", *each.columns), rows)

    def table(self, table):
        """The true numbers, before they are rounded."""
        found = {}
        for concept, method, side, name in table.keys:
            if concept != table.average:
                found[concept, method, side, name] = self.number(table, table.sides[side], name, method)
        for key in list(found):
            concept, method, side, name = key
            metric, place = self.declared.metrics[name], table.sides[side]
            if method == table.original and metric.itself is not None:
                found[key] = metric.itself
            elif method == table.original and place.whole:
                found[key] = found[next(iter(table.concepts)), *key[1:]]
            elif method == table.original and place.others_of:
                others = [found[c, method, place.others_of, name] for c in table.concepts if c != concept]
                found[key] = np.mean(others)
        for _, method, side, name in [key for key in table.keys if key[0] == table.average]:
            found[table.average, method, side, name] = np.mean([found[c, method, side, name] for c in table.concepts])
        return {key: found[key] for key in table.keys}

    def number(self, table, side, name, method):
        metric = self.declared.metrics[name]
        if metric.kind == "share":
            n = side.images * table.runs
            return 100 * self.dice.integers(0, n + 1) / n
        if metric.kind == "count":
            return self.dice.integers(0, 900 * table.runs) / table.runs
        return self.dice.uniform(0, metric.most or 450)

    def digits(self, key):
        return self.declared.metrics[key[3]].digits + int(self.dice.random() < 0.1)  # some have one more

    def rounded(self, value, digits):
        """As people and programs print: zeros at either end may be left out."""
        text = f"{max(value + self.tie, 0):.{digits}f}"
        if self.dice.random() < 0.2:
            text = text.rstrip("0").rstrip(".")
        return text.removeprefix("0") if self.dice.random() < 0.2 and text.startswith("0.") else text

    def prose(self, true):
        for _ in range(10):
            file = self.dice.choice(list(true))
            key = list(true[file])[self.dice.integers(len(true[file]))]
            # the cell may have a digit more than its metric: a quote has as many as both have, or more
            digits = self.declared.metrics[key[3]].digits + self.dice.integers(-1, 2)
            yield f"{max(true[file][key] + self.tie, 0):.{digits}f}", file, key[0], " ".join(key[1:]), "made up"

    def put(self, file, head, rows):
        with open(self.folder / file, "w", newline="") as stream:
            csv.writer(stream).writerows([head, *rows])
