"""Whether a command that a page shows would run, found out without running it: `python tests/typed.py python -m …`.

Works in the repository of the current folder, which has to be a copy with what the pages tell to add.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

MORE = "…"  # in a page: and further options
QUICK = {"list", "plan", "show", "tables", "help"}  # targets of make that take seconds where jobs take none


def check(words: list[str]) -> None:
    """Raise `ValueError` or exit with a message if the command would not begin."""
    program, arguments = words[0], words[1:]
    {"make": make, "snakemake": snakemake, "python": python, "python3": python}[program](arguments)


def make(arguments: list[str]) -> None:
    done = subprocess.run(["make", "--dry-run", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"make {' '.join(arguments)}: {done.stderr.strip()}")


def python(arguments: list[str]) -> None:
    """The module or file is there, and takes the options. One that is named without any is only spoken of."""
    if not arguments:
        return
    if arguments[0] != "-m":
        if not Path(arguments[0]).is_file():
            raise ValueError(f"there is no file {arguments[0]}")
        return
    module, options = arguments[1], arguments[2:]
    if module.endswith(MORE):
        module, options = module.removesuffix(MORE).rstrip("."), []
    if importlib.util.find_spec(module) is None:
        raise ValueError(f"there is no module {module}")
    if not options or not (Path(*module.split(".")).with_suffix(".py")).is_file():
        return
    from benchmark.running import cli

    parser = cli.parser(importlib.import_module(module).main)
    if MORE in options:
        options = options[: options.index(MORE)]
        last = options[-1] if options and options[-1].startswith("--") else None
        for action in parser._actions:
            action.required = False
            if last in action.option_strings:
                options = options[:-1]  # its value is what is left out
                last = None
        if last:
            raise ValueError(f"python -m {module}: there is no option {last}")
    if "--help" not in options:
        parser.parse_args(options)


def snakemake(arguments: list[str]) -> None:
    """Its options are known, its profile is there, its configuration plans, its targets are rules."""
    import yaml
    from snakemake.cli import parse_args, parse_config

    from benchmark.plan import grid

    _, options = parse_args(arguments)
    grid.plan(yaml.safe_load(Path("config.yaml").read_text()) | parse_config(options.config))
    files = [Path("Snakefile"), *Path("workflow/rules").glob("*.smk")]
    rules = re.findall(r"^rule (\w+):", "\n".join(file.read_text() for file in files), re.MULTILINE)
    if unknown := set(options.targets or ()) - set(rules):
        raise ValueError(f"there is no rule {', '.join(sorted(unknown))}")


if __name__ == "__main__":
    sys.path.insert(0, "")
    check(sys.argv[1:])
