"""What the .deb is built from agrees with the project; that it works is for tests/e2e/test_deb.py."""

import importlib.metadata
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
DEBIAN: Final = ROOT / "packaging/debian"
CONSTRAINT: Final = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)$", re.MULTILINE)
SCRIPTS: Final = [
    ROOT / "packaging/build-deb",
    *(DEBIAN / n for n in ("postinst", "prerm", "postrm")),
]


def plain(name: str) -> str:
    """A project's name as an index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed_by(requirement: str) -> set[str]:
    """The names of what an installed project needs in its turn, extras left out."""
    name = re.split(r"[^A-Za-z0-9_.-]", requirement)[0]
    try:
        needs = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return set()  # one of another platform
    return {
        plain(re.split(r"[^A-Za-z0-9_.-]", need)[0]) for need in needs if "extra ==" not in need
    }


@pytest.fixture(scope="module")
def pinned() -> list[str]:
    """The requirements of mailtriage itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    dependencies: list[str] = project["dependencies"]
    return dependencies


@pytest.fixture(scope="module")
def constraints() -> dict[str, str]:
    """What the libraries need: name and version."""
    text = (ROOT / "packaging/constraints.txt").read_text()
    return {plain(name): version for name, version in CONSTRAINT.findall(text)}


def test_what_the_libraries_need_is_pinned_too(
    pinned: list[str], constraints: dict[str, str]
) -> None:
    """Down to the last: a package built next year holds the same."""
    own = {plain(re.split(r"[^A-Za-z0-9_.-]", requirement)[0]) for requirement in pinned}
    wanted = set().union(*map(needed_by, pinned))
    while more := set().union(*map(needed_by, wanted)) - wanted:
        wanted |= more
    installed = {name for name in wanted - own if _version(name)}
    assert installed <= constraints.keys()


def test_the_pins_are_what_was_tested(constraints: dict[str, str]) -> None:
    """Whoever raises one here runs the tests with it."""
    assert constraints
    tested = {name: _version(name) or version for name, version in constraints.items()}
    assert constraints == tested


def _version(name: str) -> str:
    """The installed version; empty when it is not there."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def test_only_what_has_no_wheel_is_compiled(pinned: list[str]) -> None:
    script = SCRIPTS[0].read_text()
    compiled = script.partition("--no-binary=")[2].split()[0].split(",")
    assert {name.partition("==")[0] for name in pinned} > set(compiled)


def test_the_one_setting_that_the_units_need_can_be_put_in() -> None:
    """build-deb replaces this line of the reference, and fails without it."""
    lines = (ROOT / "config/mailtriage.toml").read_text().splitlines()
    assert lines.count('#listen = "unix:/run/mailtriage/milter.sock"') == 1


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_script_is_sound(script: Path) -> None:
    shell = shutil.which(script.read_text().splitlines()[0].split("/")[-1].split()[-1])
    assert shell is not None
    subprocess.run([shell, "-n", script], check=True, timeout=60)


def test_a_purge_takes_the_state_and_a_removal_does_not() -> None:
    removal, purge = (DEBIAN / "postrm").read_text().split('if [ "$1" = purge ]')
    assert "/var/lib/mailtriage" not in removal
    assert "rm -rf /var/lib/mailtriage" in purge
