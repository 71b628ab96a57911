"""What the pages of the documentation show in code: their blocks, and the commands in their running text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = {"python": "python", "py": "python", "sh": "sh", "bash": "sh", "shell": "sh", "yaml": "yaml", "yml": "yaml"}
SHOWN = ("text", "console", "output")  # what a program prints, a listing of folders: nothing to run
OURS = ("make", "python", "python3", "snakemake")  # the commands that are ours to keep right
FIRST = (
    *OURS,
    ".venv/bin/",
    "git ",
    "conda ",
    "cd ",
    ". ",
    "source ",
    "export ",
)  # what begins a line that may have one
IMPORTS = ("from ", "import ")  # what a line of Python begins with that runs by itself
# What readers put in the place of `<…>`.
EXAMPLES = {"<suite>": "quick", "<task>": "style", "<method>": "esd", "<this repository>": "repository"}
EXAMPLES |= {"<it>": "repository"}
MARKER = re.compile(r"<!--\s*not run:\s*(.+?)\s*-->", re.DOTALL)


@dataclass(frozen=True)
class Code:
    """A block, or a command in the text: where it stands, its language, and why it is not run if the page says so."""

    page: str
    line: int
    language: str
    text: str
    not_run: str = ""
    before: str = ""  # all that the page says before it

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str:
        """The file that the page tells the reader to save a method as: the last one that it names before the block."""
        return (re.findall(r"`(methods/\w+\.py)`", self.before) or ["no file is named"])[-1]

    @property
    def is_method(self) -> bool:
        return self.language == "python" and re.search(r"^(def erase\(|ADOPTS = )", self.text, re.MULTILINE) is not None


def pages(root: Path = ROOT) -> list[Path]:
    """Every page but the history; what runs leave in results/<suite>/ is none."""
    found = [path.relative_to(root) for path in sorted(root.rglob("*.md"))]
    of_runs = [path for path in found if path.parts[0] == "results" and len(path.parts) > 2]
    return [p for p in found if p not in of_runs and p.name != "CHANGELOG.md" and not any(x[0] == "." for x in p.parts)]


def blocks(page: Path, root: Path = ROOT) -> Iterator[Code]:
    """The blocks of a page in order, fenced by anything, at any indentation; an unnamed language is an empty one."""
    text = (root / page).read_text(encoding="utf-8")
    lines, reason = text.splitlines(keepends=True), ""
    for token in _parsed(text):
        if token.type in ("fence", "code_block"):
            language = (token.info.split() or [""])[0].lower()
            before = "".join(lines[: token.map[0]])
            yield Code(str(page), token.map[0] + 1, LANGUAGES.get(language, language), token.content, reason, before)
        marked = MARKER.fullmatch(token.content.strip()) if token.type == "html_block" else None
        reason = marked[1] if marked else ""


def methods() -> list[Code]:
    """The blocks that are a method, each to be saved as its `file`."""
    return [block for page in pages() for block in blocks(page) if block.is_method and not block.not_run]


def commands(page: Path, root: Path = ROOT) -> Iterator[Code]:
    """The commands of ours that stand in the text of a page, each by itself: `make && python …` is two."""
    line = 0
    for token in _parsed((root / page).read_text(encoding="utf-8")):
        line = token.map[0] + 1 if token.map else line
        children = token.children or []
        for place, child in enumerate(children):
            if child.type != "code_inline" or not child.content.startswith((*FIRST, *IMPORTS)):
                continue
            following = next((c.content for c in children[place + 1 :] if c.content.strip()), "")
            marked = MARKER.fullmatch(following.strip())
            if child.content.startswith(IMPORTS):
                yield Code(str(page), line, "python", child.content, marked[1] if marked else "")
                continue
            for found in _commands(filled(child.content)):
                if found[0] in OURS:
                    yield Code(str(page), line, "sh", shlex.join(found), marked[1] if marked else "")


def filled(text: str) -> str:
    """A command with an example in the place of each `<…>`."""
    for placeholder, example in EXAMPLES.items():
        text = text.replace(placeholder, example)
    return text


def words(command: str) -> list[str]:
    return next(_commands(command))


def summary(root: Path = ROOT) -> str:
    """How many blocks there are, and which of them no test runs, and why."""
    found = [block for page in pages(root) for block in blocks(page, root)]
    found += [command for page in pages(root) for command in commands(page, root) if command.not_run]
    left = [f"{code} ({code.not_run})" for code in found if code.not_run]
    shown = sum(code.language in SHOWN for code in found)
    run = len(found) - len(left) - shown
    return f"code in the documentation: {run} blocks run, {shown} shown; not run: {', '.join(left) or 'none'}"


def _commands(line: str) -> Iterator[list[str]]:
    """The words of each command of a line of the shell, without variables that are set before it."""
    tokens = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    tokens.whitespace_split = True
    words: list[str] = []
    for token in [*tokens, ";"]:
        if set(token) <= set("();<>|&"):
            if words:
                yield [words[0].removeprefix(".venv/bin/"), *words[1:]]
            words = []
        elif words or not re.match(r"[A-Z_]+=", token):
            words.append(token)


def _parsed(text: str) -> list:
    return MarkdownIt("commonmark").enable("table").parse(text)
