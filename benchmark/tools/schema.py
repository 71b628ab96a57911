"""JSON schemas of config.yaml, suites, tasks and prompt sets, for editors: python -m benchmark.tools.schema

The records that planning reads these files into are the source. A record's docstring and the comment behind a field say
in the schema what it is. Planning does not read the schemas: it checks more than they can say.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from benchmark.plan import grid, prompt_entry, task
from benchmark.plan.plugins import ROOT
from benchmark.plan.suite import DeclaredSuite, SuiteLike
from benchmark.running import cli

FOLDER = "workflow/schemas"
KINDS = {
    "config": grid._Config,
    "suite": DeclaredSuite | SuiteLike,
    "task": task._Task,
    "prompt_set": prompt_entry.FileSet | prompt_entry.PartSet | prompt_entry.AttackedSet | prompt_entry.SetOfWorlds,
}


class _Schema(GenerateJsonSchema):
    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        made = super().dataclass_schema(schema)
        del made["title"]  # the class's name
        for field, comment in _comments(schema["cls"]).items():
            made["properties"][field]["description"] = comment
        return made

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        return super().dict_schema(schema) | {"type": ["object", "null"]}  # YAML reads an empty section as null

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema(kind: str) -> str:
    """The JSON schema of one kind of file, as the text that stands in `workflow/schemas/`."""
    adapter = TypeAdapter(list[KINDS[kind]], config=ConfigDict(extra="forbid"))  # a list hands the setting down
    made = adapter.json_schema(schema_generator=_Schema)
    made = {"$schema": _Schema.schema_dialect, **made["items"], "$defs": made["$defs"]}
    return json.dumps(made, indent=2) + "\n"


def main() -> None:
    """Write the JSON schemas of `workflow/schemas/`."""
    for kind in KINDS:
        (ROOT / FOLDER / f"{kind}.schema.json").write_text(schema(kind))


def _comments(record: type) -> dict[str, str]:
    """What the comment behind each field of a dataclass says."""
    sources = [inspect.getsource(base) for base in reversed(record.__mro__[:-1])]
    return dict(re.findall(r"^    (\w+): .*  # (.+)$", "\n".join(sources), re.MULTILINE))


if __name__ == "__main__":
    cli.run(main)
