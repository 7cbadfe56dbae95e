"""Small policies, and what they find in small mails."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.mail.model import Mail
from mailtriage.policies.load import PolicyError, load_policies
from mailtriage.policies.matcher import Hit, Matcher, mail_text
from mailtriage.policies.model import Policies

SKILL = """\
format = 1
skill = "billing"
[[signal]]
id = "it"
weight = 1.0
{signal}
[[test]]
name = "nothing"
expect = {{ skill = "general" }}
"""
"""A skill of one signal; `.format(signal=...)` gives the rest of that signal."""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """`write("a.toml", text)` makes that file below the test's directory and gives its path."""

    def write_file(name: str, text: str) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


@pytest.fixture
def policies(tmp_path: Path) -> Callable[[str], Policies]:
    """The policies of one file."""

    def load(text: str) -> Policies:
        (tmp_path / "policy.toml").write_text(text, encoding="utf-8")
        return load_policies([tmp_path])[0]

    return load


@pytest.fixture
def problems(tmp_path: Path) -> Callable[[str], list[str]]:
    """The problems of one file, warnings included, without the name of its directory."""

    def load(text: str) -> list[str]:
        (tmp_path / "policy.toml").write_text(text, encoding="utf-8")
        try:
            found = load_policies([tmp_path])[1]
        except PolicyError as error:
            found = error.problems
        return [str(problem).replace(f"{tmp_path}/", "") for problem in found]

    return load


@pytest.fixture
def signal(policies: Callable[[str], Policies]) -> Callable[[str], Matcher]:
    """A matcher for a skill with one signal, of which the kind is given in TOML."""
    return lambda text: Matcher(policies(SKILL.format(signal=text)))


@pytest.fixture
def hits(signal: Callable[[str], Matcher]) -> Callable[..., list[Hit]]:
    """What one signal finds in a mail of that body."""

    def find(toml: str, body: str, *, subject: str = "", language: str = "en") -> list[Hit]:
        mail = Mail(subject=subject, newest_text=body)
        return signal(toml).scan(mail, mail_text(mail), language, quote=True)

    return find
