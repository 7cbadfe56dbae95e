"""mailtriage postfix: what it prints is taken by a real Postfix, and the papers say the same."""

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands.conftest import Call, Write
from tests.support.postfix import PrivatePostfix, why_not

ROOT = Path(__file__).resolve().parents[2]
FORGED = (
    "X-Mailtriage: v=1; prio=urgent;",
    "X-Mailtriage-Priority: urgent",
    "x-MAILTRIAGE-tier: vip",
    "X-Mailtriage-Tier : vip",
    "X-Mailtriage-Made-Up-Tomorrow:",
)
OTHERS = ("Subject: X-Mailtriage: no", "X-Mailtriages: no", "Y-X-Mailtriage: no", "X-Mail: no")


@dataclass(frozen=True, slots=True)
class Machine:
    """A Postfix of our own, and a shell in which postconf and postfix mean that one."""

    config: Path
    commands: Path

    def paste(self, script: str) -> str:
        """Run a script in a root shell that ends at the first failure; returns its complaints."""
        done = subprocess.run(
            ["/bin/sh", "-e", "-u"],
            input=script.replace("/etc/postfix", str(self.config)),
            env={**os.environ, "PATH": f"{self.commands}:/usr/sbin:/usr/bin:/bin"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr

    def value(self, parameter: str) -> str:
        """A parameter of main.cf."""
        return self._run("postconf", "-c", str(self.config), "-h", parameter).stdout.strip()

    def strips(self, header: str) -> bool:
        """Whether header_checks drop that field."""
        table = self.value("header_checks")
        found = self._run("postmap", "-c", str(self.config), "-q", header, table)
        assert not found.stderr
        return found.stdout == "IGNORE\n"

    @staticmethod
    def _run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [f"/usr/sbin/{command[0]}", *command[1:]],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Postfix as it was before mailtriage came; it is checked but never started."""
    if reason := why_not():
        pytest.skip(reason)
    root = tmp_path / "postfix"
    root.mkdir()
    commands = root / "bin"
    commands.mkdir()
    postfix = PrivatePostfix(root, sink_port=1, sasl_port=1, services={}, cleanups={})
    for name, refused in (("postconf", "nothing"), ("postfix", "reload")):
        wrapper = commands / name
        wrapper.write_text(
            f'#!/bin/sh\n[ "$1" = {refused} ] || exec /usr/sbin/{name} -c {postfix.config} "$@"\n'
        )
        wrapper.chmod(0o755)
    # pytest's directories are for their owner alone; Postfix's daemons are other users.
    for above in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        above.chmod(0o755)
    return Machine(postfix.config, commands)


def test_what_is_printed_can_be_pasted_into_a_root_shell(
    call: Call, quick: Path, machine: Machine
) -> None:
    done = call("--config", quick, "postfix")
    assert done.code == 0
    assert machine.paste(done.out) == ""
    assert machine.value("smtpd_milters") == (
        "{ unix:/run/mailtriage/milter.sock, connect_timeout=5s, command_timeout=10s, "
        "content_timeout=20s, default_action=accept }"
    )
    assert machine.value("non_smtpd_milters") == ""
    assert machine.value("header_checks").startswith("regexp:")
    for header in FORGED:
        assert machine.strips(header), header
    for header in OTHERS:
        assert not machine.strips(header), header


@pytest.mark.parametrize(
    ("listen", "milter"),
    [
        ("inet:127.0.0.1:8894", "inet:127.0.0.1:8894"),
        ("inet:8894@localhost", "inet:localhost:8894"),
        ("inet6:[::1]:8894", "inet:[::1]:8894"),
        ("inet:0.0.0.0:8894", "inet:127.0.0.1:8894"),
        ("inet6:[::]:8894", "inet:[::1]:8894"),
        ("local:/run/mailtriage/other.sock", "unix:/run/mailtriage/other.sock"),
        ("unix:/var/spool/postfix/mailtriage/milter.sock", "unix:mailtriage/milter.sock"),
        ("fd:3", "unix:mailtriage/milter.sock"),
    ],
)
def test_the_address_is_spelt_as_postfix_reaches_it(
    call: Call, write: Write, listen: str, milter: str
) -> None:
    file = write("listen.toml", f"[milter]\nlisten = '{listen}'\n[policies]\nshipped = false\n")
    lines = call("--config", file, "postfix").out.splitlines()
    commands = [
        shlex.split(line) for line in lines if line.startswith("postconf -e 'smtpd_milters")
    ]
    ((_, _, setting),) = commands
    assert setting.startswith(f"smtpd_milters = {{ {milter}, connect_timeout=")


@pytest.mark.parametrize(
    ("listen", "advised"),
    [
        ("unix:/run/mailtriage/milter.sock", True),
        ("unix:/var/spool/postfix/mailtriage/milter.sock", False),
        ("inet:127.0.0.1:8894", False),
        ("fd:3", False),
    ],
)
def test_a_socket_that_a_chrooted_smtpd_cannot_see_is_pointed_out(
    call: Call, write: Write, listen: str, advised: bool
) -> None:
    file = write("listen.toml", f"[milter]\nlisten = '{listen}'\n[policies]\nshipped = false\n")
    printed = call("--config", file, "postfix").out
    assert ("chrooted" in printed) is advised


@pytest.mark.parametrize("deadline", [0.1, 2, 4, 25, 60])
def test_postfix_waits_longer_than_mailtriage_thinks(
    call: Call, write: Write, deadline: float
) -> None:
    file = write(
        "slow.toml",
        f"[milter]\ndeadline = '{round(deadline * 1000)}ms'\n[policies]\nshipped = false\n",
    )
    printed = call("--config", file, "postfix").out
    seconds = printed.rpartition("content_timeout=")[2].partition("s,")[0]
    assert int(seconds) > 2 * deadline


def test_only_commands_and_comments_are_printed(call: Call, quick: Path) -> None:
    """Nothing in it changes a machine but postconf, the map file, and Postfix's own commands."""
    text = call("--config", quick, "postfix").out
    before, _, rest = text.partition("<<'END'\n")
    commands = [
        shlex.split(line)[0]
        for part in (before, rest.partition("\nEND\n")[2])
        for line in part.splitlines()
        if line and not line.startswith("#")
    ]
    assert sorted(set(commands)) == ["cat", "postconf", "postfix"]


def test_the_map_file_is_the_one_that_is_shipped(call: Call, quick: Path) -> None:
    text = call("--config", quick, "postfix").out
    printed = text.partition("<<'END'\n")[2].partition("\nEND\n")[0]
    shipped = (ROOT / "config/postfix/mailtriage_strip.regexp").read_text()
    assert printed == shipped.rstrip("\n")


@pytest.mark.parametrize("paper", ["README.md", "config/postfix/README.md"])
def test_the_papers_say_what_the_program_prints(call: Call, quick: Path, paper: str) -> None:
    text = call("--config", quick, "postfix").out
    commands = [line for line in text.splitlines() if line.startswith(("postconf", "postfix"))]
    assert len(commands) == 3
    written = [line.strip() for line in (ROOT / paper).read_text().splitlines()]
    block = written.index(commands[0])
    assert written[block : block + len(commands)] == commands
