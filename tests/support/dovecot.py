"""A private Dovecot that takes mail by LMTP and files it by Sieve; and sieve-test(1).

It has its own configuration, users, mailboxes and log, listens on one port of loopback, and shares
nothing with a Dovecot that the machine may run. Mailboxes are Maildirs, which are read here as files.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.support.background import Background
from tests.support.postfix import free_port
from tests.support.serve import wait_for

DOVECOT: Final = "/usr/sbin/dovecot"
SIEVE_TEST: Final = "/usr/bin/sieve-test"
SIEVEC: Final = "/usr/bin/sievec"
LMTP: Final = "/usr/lib/dovecot/lmtp"

INBOX: Final = "INBOX"

# Mail belongs to somebody who is not root: Dovecot and sieve-test refuse to work as root.
_COMMON: Final = """\
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
mail_location = maildir:~/Maildir
ssl = no
"""
_SERVER: Final = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
auth_username_format = %Lu
protocols = lmtp
listen = 127.0.0.1
passdb {{
  driver = passwd-file
  args = {root}/users
}}
userdb {{
  driver = passwd-file
  args = {root}/users
}}
service lmtp {{
  inet_listener lmtp {{
    port = {port}
  }}
}}
protocol lmtp {{
  mail_plugins = sieve
}}
postmaster_address = postmaster@desk.example
hostname = mail.test.example
submission_host = 127.0.0.1:{submission}
lda_mailbox_autosubscribe = yes
namespace inbox {{
  inbox = yes
}}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
}}
"""


def why_not() -> str:
    """Why no Dovecot with Sieve can run here; empty when it can."""
    for program, package in ((DOVECOT, "core"), (SIEVE_TEST, "sieve"), (LMTP, "lmtpd")):
        if not Path(program).exists():
            return f"Debian's package dovecot-{package} is not installed"
    return ""


@dataclass(frozen=True, slots=True)
class Owner:
    """Of a mailbox."""

    script: str = ""
    """The Sieve script of his own."""
    before: tuple[Path, ...] = ()
    """Scripts that run before it, in this order: sieve_before, sieve_before2 …"""
    settings: str = ""
    """Further settings for him: "userdb_sieve_vacation_send_from_recipient=yes"."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A mail in a mailbox."""

    folder: str
    flagged: bool
    content: bytes


class Dovecot:
    """One instance, with a mailbox for each address. Use as a context manager.

    `submission` is the port of the server that takes what Sieve sends.
    """

    def __init__(self, root: Path, owners: Mapping[str, Owner], *, submission: int = 0) -> None:
        self.port: Final = free_port()
        self.root: Final = root
        self.log_file: Final = root / "dovecot.log"
        self._config: Final = root / "dovecot.conf"
        self._server: Final = Background("Dovecot", root / "stderr")
        server = _SERVER.format(root=root, port=self.port, submission=submission or 1)
        self._config.write_text(_COMMON + server)
        (root / "sieve_before").mkdir()
        lines = [self._user(address, owner) for address, owner in owners.items()]
        (root / "users").write_text("".join(lines))

    def __enter__(self) -> Self:
        command = [DOVECOT, "-F", "-c", str(self._config)]
        self._server.start(command, lambda: "starting up" in self.log(), cwd=self.root)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def mails(self, address: str) -> list[Stored]:
        """Everything in his mailbox, whatever the folder."""
        maildir = self._home(address) / "Maildir"
        found = [*maildir.glob("new/*"), *maildir.glob("cur/*")]
        found += [*maildir.glob(".*/new/*"), *maildir.glob(".*/cur/*")]
        return [
            Stored(
                file.parent.parent.name.removeprefix(".") if file.parents[1] != maildir else INBOX,
                "F" in file.name.partition(":2,")[2],
                file.read_bytes(),
            )
            for file in found
        ]

    def wait(self, address: str, number: int = 1) -> list[Stored]:
        """The same, once there are so many."""
        wait_for(lambda: len(self.mails(address)) >= number, f"{number} mails of {address}", 30)
        return self.mails(address)

    def subscriptions(self, address: str) -> list[str]:
        """The folders that his mail program shows."""
        file = self._home(address) / "Maildir" / "subscriptions"
        names = file.read_text().splitlines() if file.exists() else []
        return [name.replace("\t", ".") for name in names if not name.startswith("V\t") and name]

    def log(self) -> str:
        """What it logged so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _user(self, address: str, owner: Owner) -> str:
        home = self._home(address)
        home.mkdir(parents=True)
        shutil.chown(home, "nobody", "nogroup")
        extra = owner.settings
        for number, original in enumerate(owner.before, 1):
            # Compiled here, as an administrator does, for at delivery nobody may write there.
            script = self.root / "sieve_before" / original.name
            shutil.copyfile(original, script)
            compile_script(script)
            extra += f" userdb_sieve_before{number if number > 1 else ''}={script}"
        if owner.script:
            (home / ".dovecot.sieve").write_text(owner.script)
        return f"{address}:{{plain}}secret::::{home}::{extra.strip()}\n"

    def _home(self, address: str) -> Path:
        return self.root / "homes" / address


def compile_script(script: Path) -> None:
    """sievec(1); an AssertionError has what it says about a mistake or a doubt."""
    config = script.with_suffix(".conf")
    config.write_text(_COMMON)
    done = subprocess.run(
        [SIEVEC, "-c", str(config), str(script)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr, done.stderr


class SieveBench:
    """sieve-test(1): what a script does with a mail, without a server."""

    def __init__(self, directory: Path) -> None:
        """`directory`: one of its own, that everybody can look into."""
        self._directory: Final = directory
        self._config: Final = directory / "sieve-test.conf"
        self._config.write_text(f"{_COMMON}mail_home = {directory}/home\nlog_path = /dev/stderr\n")

    def run(self, script: str, mail: bytes, *, sender: str = "kim@customer.example") -> Stored:
        """Where a script puts a mail: one folder, and whether flagged."""
        file, message = self._directory / "script.sieve", self._directory / "mail.eml"
        file.write_text(script)
        message.write_bytes(mail)
        # "-C": the script is compiled each time, though it is not older than what is compiled.
        command = [SIEVE_TEST, "-C", "-c", str(self._config), "-f", sender]
        done = subprocess.run(
            [*command, "-r", "help@desk.example", str(file), str(message)],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        _, mark, after = done.stdout.partition("store message in folder: ")
        assert mark, done.stdout
        assert mark not in after, "one copy, not two"
        folder, _, rest = after.partition("\n")
        return Stored(folder, "\\flagged" in rest, mail)
