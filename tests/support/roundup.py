"""The real Roundup: a tracker of the template "classic" with SQLite, in a directory of the test.

It is set up as config/helpdesks/roundup/README.md says, and writes through the port that it is told,
logged in as "agent", so that mailtriage sees its mail as our own.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mailtriage.config.profile_file import shipped_profile
from mailtriage.shipped import shipped_directory
from tests.support.django_helpdesk import installed
from tests.support.pipe_relay import PipeRelay
from tests.support.serve import PROGRAM
from tests.support.site import Site

SHIPPED: Final = shipped_directory("config") / "helpdesks" / "roundup"

# What README.md has for config.ini and schema.py.
SETTINGS: Final = {
    "mailgw": {
        "subject_prefix_parsing": "loose",
        "subject_suffix_parsing": "none",
        "subject_content_match": "never",
        "subject_updates_title": "no",
    },
}
ANYBODY_WRITES: Final = "db.security.addPermissionToRole('Anonymous', 'Email Access')"

_ISSUES: Final = """\
import json, sys
from roundup import instance

db = instance.open(sys.argv[1]).open("admin")


def named(cls, ids):
    return [db.getclass(cls).get(each, "name") for each in ids]


print(json.dumps([
    {"number": each, "title": db.issue.get(each, "title"),
     "priority": "".join(named("priority", filter(None, [db.issue.get(each, "priority")]))),
     "keywords": named("keyword", db.issue.get(each, "keyword")),
     "mails": [db.msg.get(one, "messageid") for one in db.issue.get(each, "messages")],
     "writers": [db.user.get(db.msg.get(one, "author"), "address")
                 for one in db.issue.get(each, "messages")],
     "told": [db.user.get(one, "address") for one in db.issue.get(each, "nosy")]}
    for each in sorted(db.issue.list(), key=int)
]))
"""


@dataclass(frozen=True, slots=True)
class Issue:
    """What Roundup has of an issue."""

    number: str
    title: str
    priority: str
    keywords: tuple[str, ...]
    mails: tuple[str, ...]
    """Message-IDs of its messages, in order."""
    writers: tuple[str, ...]
    told: tuple[str, ...]
    """Addresses on its nosy list."""


class Roundup:
    """One tracker in a new directory, with the files that we ship or without them."""

    def __init__(self, directory: Path, *, port: int, shipped: bool = True) -> None:
        """`port`: of 127.0.0.1, that it hands its mail in at."""
        self.home: Final = directory / "support"
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
        admin = installed("roundup-admin")
        templates = admin.parents[1] / "share" / "roundup" / "templates"
        main = {
            "main": {"admin_email": "tracker-admin@desk.example"},
            "tracker": {
                "name": "Support tracker",
                "web": "https://desk.example/support/",
                "email": "help@desk.example",
            },
            "mail": {
                "domain": "desk.example",
                "host": "127.0.0.1",
                "port": str(port),
                "username": "agent",
                "password": "secret",
            },
            "logging": {"filename": str(directory / "roundup.log"), "level": "INFO"},
            "rdbms": {"backend": "sqlite"},
        }
        self.home.mkdir()
        shutil.copytree(templates / "classic", self.home, dirs_exist_ok=True)
        self._admin("genconfig", str(self.home / "config.ini"))
        self.configure({**main, **(SETTINGS if shipped else {})})
        if shipped:
            schema = self.home / "schema.py"
            text = schema.read_text()
            assert f"#{ANYBODY_WRITES}" in text
            schema.write_text(text.replace(f"#{ANYBODY_WRITES}", ANYBODY_WRITES))
            shutil.copy(SHIPPED / "interfaces.py", self.home)
        self._admin("-i", str(self.home), "initialise", "secret")

    def configure(self, sections: dict[str, dict[str, str]]) -> None:
        """Change keys of config.ini, each of which must stand there, perhaps as a comment."""
        file = self.home / "config.ini"
        text = file.read_text()
        for section, keys in sections.items():
            head, mark, rest = text.partition(f"\n[{section}]\n")
            assert mark, section
            body, next_mark, tail = rest.partition("\n[")
            for key, value in keys.items():
                line = re.compile(rf"(?m)^#?{key} =.*$")
                assert line.search(body), (section, key)
                (old,) = line.findall(body)[:1]
                body = body.replace(old, f"{key} = {value}", 1)
            text = f"{head}{mark}{body}{next_mark}{tail}"
        file.write_text(text)

    def add_keyword(self, *names: str) -> None:
        """As an administrator of the tracker does."""
        for name in names:
            self._admin("-i", str(self.home), "create", "keyword", f"name={name}")

    def add_agent(self, name: str, address: str) -> None:
        """Somebody who works on issues."""
        user = (f"username={name}", f"address={address}", "roles=User")
        self._admin("-i", str(self.home), "create", "user", *user)

    def mailgw(self, mail: bytes, *options: str, sends_to: Path | None = None) -> int:
        """What the last command of the pipe does; its exit status.

        `sends_to`: a file that its own mail is written to, instead of being sent.
        """
        command = [str(installed("roundup-mailgw")), *options, str(self.home)]
        environment = dict(os.environ)
        if sends_to is not None:
            environment["SENDMAILDEBUG"] = str(sends_to)
        done = subprocess.run(
            command, input=mail, env=environment, capture_output=True, timeout=60, check=False
        )
        return done.returncode

    def mailgw_mailbox(self, mails: Iterable[bytes], *options: str, sends_to: Path) -> None:
        """The same for many mails, in one run that reads a mailbox; each has to be dealt with."""
        file = self.home.parent / "mailbox"
        separator = b"From somebody Mon Nov 23 09:00:00 2026\n"
        file.write_bytes(b"".join(separator + m.replace(b"\r\n", b"\n") + b"\n" for m in mails))
        gateway = str(installed("roundup-mailgw"))
        command = [gateway, *options, str(self.home), "mailbox", str(file)]
        environment = {**os.environ, "SENDMAILDEBUG": str(sends_to)}
        subprocess.run(command, env=environment, capture_output=True, timeout=60, check=True)
        assert file.read_bytes() == b"", self.log()

    @property
    def pipe(self) -> list[str]:
        """The profile's command, for this tracker, without sudo(8)."""
        profile = shipped_profile("roundup")
        assert profile is not None
        program = profile.pipe.index("/usr/local/bin/roundup-mailgw")
        *options, home = profile.pipe[program + 1 :]
        assert home == "/var/lib/roundup/support"
        return [str(installed("roundup-mailgw")), *options, str(self.home)]

    def deliver_from(self, site: Site, relay: PipeRelay) -> None:
        """What README.md has in main.cf and master.cf, for this Postfix."""
        ours = [str(PROGRAM), "--config", str(site.service.config), "pipe", "--profile", "roundup"]
        command = " ".join((relay.command, *ours, "--sender ${sender} --", *self.pipe))
        site.administer(f"""
            postconf -M 'roundup/unix=roundup unix - n n - 1 pipe flags=DR user=nobody argv={command}'
            postconf -e "transport_maps = inline:{{ {{ help@desk.example = roundup: }} }}, \
                $(postconf -h transport_maps)"
        """)

    def issues(self) -> list[Issue]:
        """All of them, in order."""
        python = installed("python")
        done = subprocess.run(
            [python, "-c", _ISSUES, str(self.home)],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return [
            Issue(
                row["number"], row["title"], row["priority"], tuple(row["keywords"]),
                tuple(row["mails"]), tuple(row["writers"]), tuple(row["told"]),
            )
            for row in rows
        ]  # fmt: skip

    def issue(self, message_id: str) -> Issue:
        """The one issue that has this mail."""
        (found,) = [each for each in self.issues() if message_id in each.mails]
        return found

    def change(self, number: str, **properties: str) -> None:
        """What an agent sets."""
        pairs = [f"{name}={value}" for name, value in properties.items()]
        self._admin("-i", str(self.home), "set", f"issue{number}", *pairs)

    def log(self) -> str:
        """All that it logged."""
        file = self.home.parent / "roundup.log"
        return file.read_text() if file.exists() else ""

    def _admin(self, *arguments: str) -> str:
        done = subprocess.run(
            [installed("roundup-admin"), *arguments],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"roundup-admin {arguments}: {done.stdout}{done.stderr}")
        return done.stdout
