"""A machine with nothing wrong, as facts; each test changes one of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.config import Config, load
from mailtriage.doctor.checks import examine
from mailtriage.doctor.expected import expected
from mailtriage.doctor.facts import Clock, Facts, Reached, State
from mailtriage.doctor.model import Shell

Configure = Callable[[str], Config]

TOML = """
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[mailboxes."help@desk.example"]
"""


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """`configure(toml)` reads that configuration."""

    def read(toml: str) -> Config:
        file = tmp_path / "mailtriage.toml"
        file.write_text(toml)
        return load([file]).config

    return read


@pytest.fixture
def healthy(configure: Configure) -> Facts:
    """All is well, as far as it can be without a Postfix."""
    config = configure(TOML)
    facts = Facts(
        config=config,
        shell=Shell(),
        expected=expected(config),
        postfix=None,
        postfix_fault="there is no postconf here",
        milter=Reached("unix:/run/mailtriage/milter.sock"),
        desk=Reached("inet:127.0.0.1:10027", greeting="250"),
        port=Reached("inet:127.0.0.1:10026", greeting="250"),
        signers=(),
        forged=False,
        probed=None,
        state=State(),
        redis=(),
        clock=Clock(synchronised=True),
        disks=(),
    )
    assert [one.id for one in examine(facts)] == ["postfix-config"]
    return facts


@pytest.fixture
def found(healthy: Facts) -> Callable[..., dict[str, str]]:
    """`found(clock=…)`: the findings of a machine that differs in that; id to severity."""

    def look(**changes: object) -> dict[str, str]:
        facts = replace(healthy, **changes)  # type: ignore[arg-type] # names of fields
        findings = {one.id: one.severity for one in examine(facts)}
        assert findings.pop("postfix-config") == "error"
        return dict(findings)

    return look
