"""man/ and config/schema/ are what their sources make of them; every command and key is there."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from mailtriage.cli import cli
from mailtriage.reference.files import build
from mailtriage.reference.settings import read_reference
from mailtriage.toml_source import dotted
from tests.reference.conftest import ROOT

GENERATED = build()
PAGES = [place for place in GENERATED if place.startswith("man/")]
OPTION = re.compile(r"^ +(?P<spelled>-[^ ].*?)(?:  .*)?$")
SETTING = re.compile(r"^     (?P<key>[a-z0-9_]+) = (?P<value>\S.*)$")


def printed(place: str) -> list[str]:
    """A page as mandoc prints it, without overstriking and wide enough not to be wrapped."""
    done = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=400", str(ROOT / place)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return re.sub(".\b", "", done.stdout).splitlines()


def chapter(lines: list[str], title: str) -> list[str]:
    """What stands under one heading of the page."""
    start = lines.index(title) + 1
    end = next((n for n, line in enumerate(lines[start:], start) if line[:1].isalpha()), len(lines))
    return lines[start:end]


def under(lines: list[str]) -> dict[str, list[str]]:
    """The lines under each second heading, which are indented by three."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if re.match(r" {3}\S", line):
            found[line.strip()] = []
        elif found:
            found[next(reversed(found))].append(line)
    return found


@pytest.mark.parametrize("place", GENERATED)
def test_the_file_is_the_one_that_its_source_makes(place: str) -> None:
    """Else run `python -m mailtriage.reference`."""
    assert (ROOT / place).read_text(encoding="utf-8") == GENERATED[place]


def test_there_are_no_other_pages() -> None:
    assert {f"man/{file.name}" for file in (ROOT / "man").iterdir()} == set(PAGES)


@pytest.mark.parametrize("place", PAGES)
def test_mandoc_has_nothing_to_say(place: str) -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "style", str(ROOT / place)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    # Whether the other pages are installed on this machine is not ours to say.
    said = [line for line in done.stdout.splitlines() if "referenced manual not found" not in line]
    assert said == []


@pytest.mark.parametrize("place", PAGES)
def test_man_prints_it_without_a_warning(place: str) -> None:
    """With groff, as Debian's man does."""
    done = subprocess.run(
        ["man", "--warnings=w", "--local-file", str(ROOT / place)],
        capture_output=True, text=True, check=True, timeout=60,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
    )  # fmt: skip
    assert done.stderr == ""
    assert len(done.stdout) > 2000


def commands(group: click.Group, name: str) -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for word, command in group.commands.items():
        found[f"{name} {word}"] = command
        if isinstance(command, click.Group):
            found |= commands(command, f"{name} {word}")
    return found


def options(lines: list[str]) -> set[str]:
    """Every option that a list on the page is headed by."""
    spelled = [found["spelled"] for line in lines if (found := OPTION.match(line))]
    return {word.rstrip(",") for each in spelled for word in each.split() if word[0] == "-"}


def test_every_command_with_every_option_and_nothing_else() -> None:
    page = printed("man/mailtriage.8")
    shown = under(chapter(page, "COMMANDS"))
    known = commands(cli, "mailtriage")
    assert list(shown) == list(known)
    for name, command in known.items():
        names = {
            name
            for param in command.params
            if isinstance(param, click.Option)
            for name in (*param.opts, *param.secondary_opts)
        }
        assert options(shown[name]) == names, name


def test_every_option_of_the_command_itself() -> None:
    names = {name for param in cli.params for name in param.opts} | {"-h", "--help"}
    assert options(chapter(printed("man/mailtriage.8"), "OPTIONS")) == names


def test_every_help_text_is_on_the_page() -> None:
    text = " ".join(" ".join(printed("man/mailtriage.8")).split())
    for name, command in commands(cli, "mailtriage").items():
        for param in command.params:
            if isinstance(param, click.Option) and param.help:
                said = " ".join(param.help.split()).replace("`", "")
                assert said.replace(".  ", ". ") in text, name


def test_every_setting_at_its_default_and_nothing_else() -> None:
    text = (ROOT / "config" / "mailtriage.toml").read_text(encoding="utf-8")
    defaults = dict(flat(tomllib.loads(read_reference(text).uncommented)))
    shown = {}
    for header, lines in under(chapter(printed("man/mailtriage.toml.5"), "SETTINGS")).items():
        table = tomllib.loads(header)
        path: tuple[str, ...] = ()
        while table:
            name, table = next(iter(table.items()))
            path = (*path, name)
        for found in filter(None, map(SETTING.match, lines)):
            value = tomllib.loads(f"x = {found['value']}")["x"]
            shown[dotted((*path, found["key"]))] = value
    assert shown == defaults


def flat(table: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in table.items():
        below = (*above, key)
        found += flat(value, below) if isinstance(value, dict) else [(dotted(below), value)]
    return found


def test_the_page_of_policies_has_every_line_of_its_examples() -> None:
    page = [line.strip() for line in printed("man/mailtriage-policy.5")]
    document = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    for block in re.findall(r"```toml\n(.*?)```", document, re.DOTALL):
        assert [line for line in block.splitlines() if line.strip() not in page] == []


def test_what_is_written_is_ascii() -> None:
    """groff without -K, and any terminal, can print it."""
    assert all(GENERATED[place].isascii() for place in PAGES)


def test_a_new_command_is_on_the_page_without_a_change() -> None:
    from mailtriage.reference.command_page import command_page

    @click.group(epilog="Exit codes: 0 fine.")
    def group() -> None:
        """A group."""

    @group.command()
    @click.option("--probe", is_flag=True, help="Send one mail.")
    def doctor(*, probe: bool) -> None:
        """Looks at everything."""

    page = command_page(group)
    assert ".Ss mailtriage doctor\n" in page
    assert ".It Fl \\&\\-probe\nSend one mail.\n" in page


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    before = {place: (ROOT / place).stat().st_mtime_ns for place in GENERATED}
    done = subprocess.run(
        [sys.executable, "-m", "mailtriage.reference"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout == ""
    assert before == {place: (ROOT / place).stat().st_mtime_ns for place in GENERATED}
