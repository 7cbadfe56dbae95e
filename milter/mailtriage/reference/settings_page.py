"""mailtriage.toml(5), from config/mailtriage.toml and what the readers take."""

from collections.abc import Iterable

from mailtriage.config import DIRECTORY, MAIN_FILE, PARTS
from mailtriage.reference.config_schema import shape_at
from mailtriage.reference.recorder import Table
from mailtriage.reference.roff import display, page, paragraph, prose, tagged, word
from mailtriage.reference.settings import Entry, Prose, Reference, Section, plain
from mailtriage.reference.shapes import Shape


def settings_page(reference: Reference, settings: Table) -> str:
    """The page: the preamble, then every section in the order of the file."""
    body = [".Sh DESCRIPTION", *_parts(reference.preamble[1:], first=True), ".Sh SETTINGS"]
    for section in reference.sections:
        body += [rf".Ss {word(section.header)}\&", *_parts(section.prose, first=True)]
        body += tagged([_item(section, entry, settings) for entry in section.entries])
    body += [
        ".Sh FILES",
        *tagged(
            [
                ([f".It Pa {DIRECTORY / MAIN_FILE}"], ["Read first."]),
                ([f".It Pa {DIRECTORY / PARTS}/*.toml"], ["Read after it, by name."]),
            ]
        ),
        ".Sh SEE ALSO",
        ".Xr mailtriage-policy 5 ,",
        ".Xr mailtriage 8",
    ]
    return page("mailtriage.toml", 5, "configuration of mailtriage", body)


def _item(section: Section, entry: Entry, settings: Table) -> tuple[list[str], list[str]]:
    """The keys that one piece of prose explains, and the prose."""
    heads: list[str] = []
    for key, default in entry.keys:
        heads.append(f".It Ic {key} No = {word(default)}")
    bounds = []
    said = plain(entry.prose)
    for key, _ in entry.keys:
        shape = shape_at(settings, (*section.path, key))
        words = shape.schema.get("enum", ()) if isinstance(shape, Shape) else ()
        if isinstance(shape, Shape) and not (words and all(f'"{word}"' in said for word in words)):
            bounds.append((key, shape.bounds))
    return heads, [*_parts(entry.prose, first=True), *_bounds(bounds)]


def _bounds(bounds: Iterable[tuple[str, str]]) -> list[str]:
    """What each key may be: said once where it is the same for all."""
    listed = [(key, bound) for key, bound in bounds if bound]
    if len({bound for _, bound in listed}) <= 1:
        return prose(listed[0][1]) if listed else []
    each = [f"`{key}` {bound[:1].lower()}{bound[1:-1]}" for key, bound in listed]
    return prose(f"{', '.join(each)}.")


def _parts(parts: tuple[Prose, ...], *, first: bool) -> list[str]:
    lines: list[str] = []
    for part in parts:
        if part.example:
            lines += display(part.text.split("\n"))
        elif first and not lines:
            lines += prose(part.text)
        else:
            lines += paragraph(part.text)
    return lines
