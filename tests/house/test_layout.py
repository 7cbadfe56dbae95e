"""The traps of the source layout.

pymilter installs three top-level modules: `milter` (the extension), `Milter` and `mime`. Our source
root is called milter/ too. That works only while it is not a package: a regular package, or a module
of ours with one of those names, would be found first and break pymilter for everybody.
"""

import ast
import importlib.util
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYMILTER = {"milter", "Milter", "mime"}
SOURCES = sorted((ROOT / "milter").rglob("*.py"))


def imported(source: Path) -> Iterator[str]:
    """Top-level names of all modules that a source file imports, wherever the statement stands."""
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_the_source_root_is_no_package() -> None:
    assert SOURCES
    assert not (ROOT / "milter" / "__init__.py").exists()


def test_milter_is_the_extension_of_pymilter() -> None:
    spec = importlib.util.find_spec("milter")
    assert spec is not None
    assert spec.origin is not None
    assert spec.origin.endswith(".so")
    assert Path(spec.origin).parent == Path(sysconfig.get_path("platlib"))


@pytest.mark.parametrize("name", sorted(PYMILTER))
def test_no_top_level_module_of_ours_has_a_name_of_pymilter(name: str) -> None:
    for folder in (ROOT, ROOT / "milter", ROOT / "tests"):
        assert not (folder / f"{name}.py").exists()
        assert not (folder / name / "__init__.py").exists()


def test_only_the_milter_door_imports_pymilter() -> None:
    users = {str(s.relative_to(ROOT)) for s in SOURCES if PYMILTER & set(imported(s))}
    assert users == {"milter/mailtriage/doors/milter.py"}


def test_the_package_is_importable_from_the_source_root() -> None:
    spec = importlib.util.find_spec("mailtriage")
    assert spec is not None
    assert spec.origin == str(ROOT / "milter" / "mailtriage" / "__init__.py")
