"""The three schemas, each with documents that use every key, and what mailtriage says of a file."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

from mailtriage.config import ConfigError, load
from mailtriage.config.profile_file import read_profile
from mailtriage.policies.read import read_policy
from mailtriage.toml_source import Problem, SourceError

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "config" / "schema"


@dataclass(frozen=True)
class Kind:
    """One kind of file."""

    name: str
    judge: Callable[[Path], list[Problem]]
    """What mailtriage finds wrong with a file of this kind."""

    @property
    def schema(self) -> dict[str, Any]:
        text = (SCHEMAS / f"{self.name}.schema.json").read_text(encoding="utf-8")
        return dict(json.loads(text))

    def validator(self) -> Draft4Validator:
        return Draft4Validator(self.schema)

    def problems(self, document: dict[str, Any], folder: Path) -> list[str]:
        """What mailtriage finds wrong with a document, warnings left out."""
        file = folder / f"{self.name}.toml"
        file.write_text(as_toml(document), encoding="utf-8")
        return [str(problem) for problem in self.judge(file) if not problem.warning]


def as_toml(document: dict[str, Any]) -> str:
    """A document, a line for each key at the top."""
    return "".join(f"{json.dumps(key)} = {_value(value)}\n" for key, value in document.items())


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _configuration(file: Path) -> list[Problem]:
    try:
        return list(load([file]).problems)
    except ConfigError as error:
        return list(error.problems)


def _policy(file: Path) -> list[Problem]:
    problems: list[Problem] = []
    read_policy(file, problems)
    return problems


def _profile(file: Path) -> list[Problem]:
    try:
        read_profile("ours", file)
    except SourceError as error:
        return list(error.problems)
    return []


CONFIGURATION = Kind("mailtriage", _configuration)
POLICY = Kind("policy", _policy)
PROFILE = Kind("profile", _profile)
