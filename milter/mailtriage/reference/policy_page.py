"""mailtriage-policy(5), from docs/policies.md: the Markdown that the page uses, and no more."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from mailtriage.reference.roff import display, escaped, page, paragraph, tagged
from mailtriage.reference.roff import prose as running

_HEADING: Final = re.compile(r"(#+) (.+)")
_FENCE: Final = "```"


def policy_page(markdown: str) -> str:
    """The page. Raises ValueError for a table of more than two columns."""
    lines = markdown.strip("\n").split("\n")
    body = [".Sh DESCRIPTION", *_blocks(lines[1:]), ".Sh SEE ALSO", ".Xr mailtriage.toml 5 ,"]
    return page("mailtriage-policy", 5, "rules of mailtriage", [*body, ".Xr mailtriage 8"])


def _blocks(lines: Sequence[str]) -> list[str]:
    out: list[str] = []
    for block in _split(lines):
        first = block[0]
        heading = _HEADING.fullmatch(first)
        if heading:
            macro = ".Sh" if len(heading[1]) <= 2 else ".Ss"
            title = heading[2].upper() if macro == ".Sh" else heading[2]
            out.append(f"{macro} {escaped(title)}")
        elif first.startswith(_FENCE):
            out += display(block[1:-1])
        elif first.startswith("|"):
            out += _table(block)
        elif first.startswith("* "):
            out += _list(block)
        elif out and not out[-1].startswith((".Sh", ".Ss")):
            out += paragraph(" ".join(block))
        else:
            out += running(" ".join(block))
    return out


def _split(lines: Sequence[str]) -> Iterator[list[str]]:
    """Headings, fenced code, tables, lists and paragraphs, each as its lines."""
    block: list[str] = []
    fenced = False
    for line in (*lines, ""):
        if line.startswith(_FENCE):
            if not fenced and block:
                yield block
                block = []
            block.append(line)
            if fenced:
                yield block
                block = []
            fenced = not fenced
        elif fenced:
            block.append(line)
        elif line.startswith("#"):
            if block:
                yield block
            yield [line]
            block = []
        elif line:
            block.append(line)
        elif block:
            yield block
            block = []


def _table(rows: Sequence[str]) -> list[str]:
    """Two columns become tags and what is said of each; the head of the table is left out."""
    items = []
    for row in rows[2:]:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        if len(cells) != 2:
            raise ValueError(f"not two columns: {row}")
        items.append(([".It Xo", *running(cells[0]), ".Xc"], running(cells[1])))
    return tagged(items)


def _list(lines: Sequence[str]) -> list[str]:
    points: list[str] = []
    for line in lines:
        if line.startswith("* "):
            points.append(line[2:])
        else:
            points[-1] += f" {line.strip()}"
    items = [line for point in points for line in (".It", *running(point))]
    return [".Bl -bullet", *items, ".El"]
