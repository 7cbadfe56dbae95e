"""A real OpenDKIM as the milter that writes results, and a stranger who writes some himself."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.doctor.authentication import MARK, forged_results
from mailtriage.doctor.milter_wire import Letter, passed
from tests.doctor.conftest import TOML, Configure
from tests.support.background import Background, open_directory
from tests.support.opendkim import PROGRAM, why_not
from tests.support.postfix import free_port

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is there"),
]

CONF = """\
Mode v
AuthservID mx.desk.example
Socket inet:{port}@127.0.0.1
Background no
"""


def test_opendkim_removes_forged_results_of_its_own_method_alone(configure: Configure) -> None:
    """Why the doctor forges one of each: rule D2 wants all of them gone."""
    forged = forged_results(configure(TOML))
    letter = Letter(
        fields=(
            *((name, value) for name, _, value in (field.partition(": ") for field in forged)),
            ("From", f"Kim <kim@{MARK}>"),
        ),
        sender=f"kim@{MARK}",
        recipient="help@desk.example",
    )
    port = free_port()
    with open_directory() as directory:
        conf = directory / "v.conf"
        conf.write_text(CONF.format(port=port))
        server = Background("OpenDKIM", directory / "log")
        server.start([PROGRAM, "-f", "-x", str(conf)], lambda: listens(port), cwd=Path("/"))
        try:
            fields = passed(f"inet:127.0.0.1:{port}", letter)
        finally:
            server.stop()
    left = [f"{name}: {value}" for name, value in fields if MARK in value and name != "From"]
    assert left == list(forged[1:])


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
