"""A private GNU Mailman 3: own directory, database, ports and runners, as the user of Debian's package.

Only the runners that take, judge, send and answer mail are started: no web interface, no archive, no
digests, no newsgroups.
"""

import json
import shutil
import smtplib
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.support.background import Background
from tests.support.postfix import free_port

BIN: Final = Path("/usr/lib/mailman3/bin")
USER: Final = "list"

_CONFIG: Final = """\
[mailman]
layout: private
site_owner: postmaster@{domain}
[paths.private]
var_dir: {root}
bin_dir: {bin}
template_dir: {root}/templates
etc_dir: {root}/etc
[mta]
incoming: mailman.mta.null.NullMTA
outgoing: mailman.mta.deliver.deliver
smtp_host: 127.0.0.1
smtp_port: {smtp}
lmtp_host: 127.0.0.1
lmtp_port: {lmtp}
[logging.root]
level: info
[logging.smtp]
path: mailman.log
[logging.vette]
level: info
"""
_NOT_STARTED: Final = ("archive", "bounces", "digest", "nntp", "rest", "retry", "task")
_STARTED: Final = ("in", "pipeline", "out", "virgin", "command", "lmtp")

# What an administrator would click, through Mailman's own interfaces. Runs in its Python.
_SET_UP: Final = """\
import json, sys
from mailman.core.initialize import initialize
initialize(sys.argv[1])
from mailman.app.lifecycle import create_list
from mailman.config import config
from mailman.database.transaction import transaction
from mailman.interfaces.autorespond import ALWAYS_REPLY, ResponseAction
from mailman.interfaces.domain import IDomainManager
from mailman.interfaces.subscriptions import ISubscriptionManager
from mailman.interfaces.usermanager import IUserManager
from mailman.utilities.datetime import now
from zope.component import getUtility
for one in json.loads(sys.argv[2]):
    with transaction():
        domains = getUtility(IDomainManager)
        domain = one["address"].partition("@")[2]
        if domain not in domains:
            domains.add(domain)
        made = create_list(one["address"])
        made.send_welcome_message = False
        if one["autoresponse"]:
            made.autorespond_postings = ResponseAction.respond_and_continue
            made.autorespond_owner = ResponseAction.respond_and_continue
            made.autoresponse_postings_text = one["autoresponse"]
            made.autoresponse_owner_text = one["autoresponse"]
            made.autoresponse_grace_period = ALWAYS_REPLY
        for member in one["members"]:
            users = getUtility(IUserManager)
            user = users.get_user(member) or users.create_user(member)
            address = users.get_address(member)
            address.verified_on = address.verified_on or now()
            ISubscriptionManager(made).register(
                address, pre_verified=True, pre_confirmed=True, pre_approved=True)
        made.send_welcome_message = True
"""


def why_not() -> str:
    """Why it cannot run here; empty when it can."""
    return "" if (BIN / "master").exists() else "Debian's package mailman3 is not installed"


@dataclass(frozen=True, slots=True)
class MailingList:
    """What a list is told when it is made."""

    address: str
    members: tuple[str, ...] = ()
    autoresponse: str = ""
    """What whoever posts, or writes to the owner, is answered each time; empty: nothing."""


class Mailman:
    """One instance with these lists. Use as a context manager.

    `smtp` is the port of the server that its mail leaves through; mail for it goes to `port`, by
    LMTP.
    """

    def __init__(self, root: Path, lists: tuple[MailingList, ...], *, smtp: int) -> None:
        """`root`: an empty directory of its own, which will belong to Mailman."""
        self.port: Final = free_port()
        self.root: Final = root
        self._config: Final = root / "mailman.cfg"
        self._lists: Final = lists
        self._server: Final = Background("Mailman", root / "stderr")
        domain = lists[0].address.partition("@")[2]
        text = _CONFIG.format(root=root, bin=BIN, domain=domain, smtp=smtp, lmtp=self.port)
        text += "".join(f"[runner.{name}]\nstart: no\n" for name in _NOT_STARTED)
        text += "".join(f"[runner.{name}]\nsleep_time: 0.1s\n" for name in _STARTED)
        self._config.write_text(text)
        shutil.chown(root, USER, USER)

    def __enter__(self) -> Self:
        made = [
            {"address": one.address, "members": one.members, "autoresponse": one.autoresponse}
            for one in self._lists
        ]
        self._run("/usr/bin/python3", "-c", _SET_UP, str(self._config), json.dumps(made))
        command = [str(BIN / "master"), "-C", str(self._config)]
        self._server.start(command, self._ready, cwd=self.root, user=USER)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def members(self, address: str) -> list[str]:
        """Who is subscribed to a list."""
        return self._run("/usr/bin/mailman", "-C", str(self._config), "members", address).split()

    def subscribe(self, address: str, member: str) -> None:
        """The administrator of a list subscribes somebody, who is welcomed by mail."""
        file = self.root / "new-members"
        file.write_text(f"{member}\n")
        command = ("/usr/bin/mailman", "-C", str(self._config), "addmembers", "--welcome-msg")
        self._run(*command, str(file), address)

    def take(self, content: bytes, recipient: str, *, sender: str) -> None:
        """A mail comes from elsewhere."""
        with smtplib.LMTP("127.0.0.1", self.port) as client:
            client.sendmail(sender, [recipient], content)

    def idle(self) -> bool:
        """Whether no mail waits in a queue of its own."""
        # In the order in which a mail passes them, so that none slips by.
        queues = ("command", "in", "pipeline", "virgin", "out")
        return not any(
            file for name in queues for file in (self.root / "queue" / name).glob("*.[bp]*")
        )

    def log(self) -> str:
        """What it logged so far."""
        logs = sorted((self.root / "logs").glob("*.log"))
        return "".join(file.read_text(errors="replace") for file in logs)

    def _ready(self) -> bool:
        log = self.log()
        return all(f"{name} runner started" in log for name in _STARTED) and self._listens()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except ConnectionRefusedError:
            return False
        return True

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.root, timeout=60, check=False,
            user=USER, group=USER, extra_groups=(),
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr + done.stdout)
        return done.stdout
