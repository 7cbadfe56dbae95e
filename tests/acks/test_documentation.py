"""What docs/acknowledgements.md and the pages around it say is so: rules, keys, values, commands."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

from mailtriage.acks.decide import RULES
from mailtriage.acks.model import Announced
from mailtriage.cli import cli
from mailtriage.config import AckMode, load
from mailtriage.state.outbox import State
from mailtriage.tags.vocabulary import ALL_NAMES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "acknowledgements.md"
PAGES = (
    ROOT / "README.md",
    PAGE,
    ROOT / "docs" / "operation.md",
    ROOT / "docs" / "dry-run.md",
    ROOT / "docs" / "headers.md",
    ROOT / "docs" / "milter.md",
    ROOT / "docs" / "hacking.md",
)
REFERENCE = ROOT / "config" / "mailtriage.toml"

SECTIONS = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
ROW = re.compile(r"^\| ([A-J]\d{1,2}) \| (.+?) \|(?: (.+?) \|| \|)$", re.MULTILINE)
SETTING = re.compile(r"^#?([a-z_]+) = ", re.MULTILINE)
TABLE = re.compile(r"^#?\[([^\]]+)\]", re.MULTILINE)
DOTTED = re.compile(r"`((?:milter|smtp|authentication|networks|state|desk|ack|log)\.[a-z_.]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
COMMAND = re.compile(r"^ *(mailtriage [a-z][^\n]*)", re.MULTILINE)
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
NOT_A_PROMISE = {"A9", "B9", "B14", "B15", "C9", "C10", "C11", "D1", "D2", "D8", "F1", "F6", "I2"}


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def part(page: Path, title: str, until: str) -> str:
    """What stands between two headings."""
    whole = text(page)
    return whole[whole.index(f" {title}\n") : whole.index(f" {until}\n")]


def fenced(page: Path, language: str) -> Iterator[str]:
    return (block for _, name, block in FENCE.findall(text(page)) if name == language)


def ids(rows: str) -> list[str]:
    return [rule for rule, _, _ in ROW.findall(rows)]


FORBIDDING = part(PAGE, "Every rule", "Rules that forbid nothing")
FORBIDDING_NOTHING = part(PAGE, "Rules that forbid nothing", "How it looks")
APPEARANCE = part(PAGE, "How it looks", "Why did this customer get no acknowledgement?")


def test_every_rule_stands_in_the_table_once_and_in_the_order_in_which_it_is_asked() -> None:
    assert ids(FORBIDDING) == [rule.id for rule in RULES]


def test_what_forbids_nothing_has_a_table_of_its_own() -> None:
    others = ids(FORBIDDING_NOTHING)
    assert set(others) >= NOT_A_PROMISE
    assert not set(others) & {rule.id for rule in RULES}
    assert others == sorted(set(others), key=lambda rule: (rule[0], int(rule[1:])))


def test_the_rules_of_form_are_all_there() -> None:
    assert ids(APPEARANCE) == [f"J{number}" for number in range(1, 28)]


def test_no_id_is_left_out() -> None:
    """A to I together: each letter counts from 1, with no gap."""
    numbers: dict[str, set[int]] = {}
    for rule in (*ids(FORBIDDING), *ids(FORBIDDING_NOTHING)):
        numbers.setdefault(rule[0], set()).add(int(rule[1:]))
    assert "".join(sorted(numbers)) == "ABCDEFGHI"
    for letter, found in numbers.items():
        assert found == set(range(1, len(found) + 1)), letter


def test_the_readme_counts_the_rules() -> None:
    assert f"\n{len(RULES)} rules say who is not answered" in text(ROOT / "README.md")


@pytest.mark.parametrize("page", [PAGE, ROOT / "docs" / "headers.md"], ids=lambda page: page.name)
def test_every_value_of_the_header_is_explained(page: Path) -> None:
    explained = re.findall(r"^\| `(\w+)` \| ", text(page), re.MULTILINE)
    assert set(Announced) <= set(explained)


def test_every_mode_is_explained() -> None:
    table = part(PAGE, "Who acknowledges", "Every rule")
    modes = re.findall(r"^\| `(\w+)` \| .* \| `X-Mailtriage-Ack: \w+` \|$", table, re.MULTILINE)
    assert modes == list(get_args(AckMode))


def test_every_state_of_the_outbox_is_explained() -> None:
    page = text(ROOT / "docs" / "operation.md")
    rows = re.findall(r"^\| (`[A-Z]+`(?:, `[A-Z]+`)*) \|", page, re.MULTILINE)
    named = [state for row in rows for state in re.findall(r"[A-Z]+", row)]
    assert sorted(named) == sorted(get_args(State))


def test_the_example_of_a_refusal_is_what_is_printed() -> None:
    why = next(rule.why for rule in RULES if rule.id == "B1")
    assert f"no acknowledgement: rule B1 (auto-replied): {why}\n" in text(PAGE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_header_fields_exist(page: Path) -> None:
    known = {*ALL_NAMES, "X-Mailtriage-Loop", "X-Mailtriage-Ref"}
    assert set(re.findall(r"\bX-Mailtriage(?:-[A-Z][A-Za-z]+)*\b", text(page))) <= known


def settings() -> set[str]:
    """Every key of the reference configuration, as section.key."""
    found: set[str] = set()
    section = ""
    for line in text(REFERENCE).splitlines():
        if (table := TABLE.match(line)) is not None:
            section = table[1]
            found.add(section)
        elif (setting := SETTING.match(line)) is not None:
            found.add(f"{section}.{setting[1]}")
    return found | {"ack.exceptions"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_keys_of_the_configuration_exist(page: Path) -> None:
    assert set(DOTTED.findall(text(page))) - {"state.db"} <= settings()  # a file, not a key


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_configurations_are_understood(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(fenced(page, "toml")):
        tomllib.loads(block)
        file = tmp_path / f"{number}.toml"
        file.write_text(block, encoding="utf-8")
        load([file])


def test_the_set_up_has_all_that_an_acknowledgement_needs(tmp_path: Path) -> None:
    """The blocks of "Setting it up", one after the other, are a configuration without a warning."""
    file = tmp_path / "mailtriage.toml"
    file.write_text("\n".join(fenced(PAGE, "toml")), encoding="utf-8")
    assert load([file]).problems == ()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    for block in fenced(page, ""):
        for line in COMMAND.findall(block):
            words = shlex.split(re.split(r" {2,}|  #", line)[0])[1:]
            command: click.Command | None = cli
            context = click.Context(cli)
            while isinstance(command, click.Group):
                command = command.get_command(context, words.pop(0))
            assert command is not None, line
            options = {name for option in command.params for name in option.opts}
            assert {word for word in words if word.startswith("--")} <= options, line


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, place in LINK.findall(text(page)):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), target
        if place:
            assert place in map(anchor, SECTIONS.findall(text(file))), f"{target}#{place}"
