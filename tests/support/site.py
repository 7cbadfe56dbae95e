"""A whole site: Postfix wired with what `mailtriage postfix` prints, a signer, and `mailtriage serve`.

What an administrator has the evening after: customers' mail comes in at "mx", goes on to the
helpdesk, and is acknowledged. Helpdesk and customers are one LMTP server that keeps everything.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from mailtriage.acks.tokens import Tokens
from mailtriage.commands.postfix import wiring
from mailtriage.config import load
from mailtriage.state.secret import make_secret
from tests.support.opendkim import OpenDkim
from tests.support.postfix import Overrides, PrivatePostfix, RootShell, free_port
from tests.support.sasl import AuthServer
from tests.support.serve import Service
from tests.support.sink import Delivery, Sink
from tests.support.smtp import SmtpClient, SmtpReply

HELP = "help@desk.example"

TOML = """\
[milter]
listen = "unix:{directory}/milter.sock"
socket_group = "postfix"
workers = 2
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[networks]
outbound = ["192.0.2.0/24"]
[state]
url = "sqlite://{directory}/state/state.db"
[desk]
listen = "inet:127.0.0.1:{desk}"
[ack]
submit = "127.0.0.1:{submit}"
[mailboxes."help@{domain}"]
name = "Desk Support"
"""


def customer_mail(
    number: int, *, sender: str = "", subject: str = "", header: str = "", body: str = ""
) -> bytes:
    """A mail for which our own border vouches. Each number is a customer of its own."""
    sender = sender or f"kim{number}@customer{number}.example"
    domain = sender.rpartition("@")[2]
    return (
        f"Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom={domain};\n"
        f"\tdmarc=pass header.from={domain}\n"
        f"From: Kim <{sender}>\nTo: help@desk.example\n"
        f"Subject: {subject or f'Where is my parcel {number}?'}\n"
        "Date: Mon, 23 Nov 2026 09:00:00 +0100\n"
        f"Message-ID: <m{number}@{domain}>\n{header}\n"
        + (body or "Hello, I ordered last week and my parcel has not come. Where is it?\n")
    ).encode()


@dataclass(slots=True)
class Site:
    """One running site."""

    directory: Path
    domain: str
    postfix: PrivatePostfix
    shell: RootShell
    world: Sink
    signer: OpenDkim
    service: Service
    tokens: Tokens
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def connect(self, client: str = "203.0.113.7") -> SmtpClient:
        """A session at port 25, from the Internet unless told otherwise ("" is loopback)."""
        return SmtpClient(self.postfix.ports["mx"]).greet(client)

    def send(
        self, content: bytes, *, sender: str, to: str = "", client: str = "203.0.113.7"
    ) -> SmtpReply:
        """One mail of a session of its own; the reply to its last dot."""
        with self.connect(client) as session:
            return session.mail(content, to or f"help@{self.domain}", sender=sender)

    def acks(self) -> list[Delivery]:
        """The acknowledgements that customers got so far."""
        found = list(self.world.deliveries)
        return [one for one in found if "x-mailtriage-loop" in {n.lower() for n, _ in one.header}]

    def acks_to(self, address: str) -> list[Delivery]:
        """Those that one customer got."""
        return [one for one in self.acks() if address in one.recipients]

    def wait_for_ack(self, address: str, timeout: float = 60) -> Delivery:
        """The one that this customer gets."""
        self.world.wait(lambda _: bool(self.acks_to(address)), timeout)
        return self.acks_to(address)[0]


@contextmanager
def running_site(
    *,
    domain: str = "desk.example",
    toml: str = "",
    services: Mapping[str, Overrides] | None = None,
    main: str = "",
    serve: bool = True,
) -> Iterator[Site]:
    """Start everything; stop and remove it afterwards.

    `toml`: further configuration; `services`: further smtpd listeners; `main`: shell commands that
    an administrator ran before ours, with {sink} for the port of the LMTP server.
    """
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    directory.chmod(0o755)
    for name in ("dkim", "state", "serve"):
        (directory / name).mkdir(mode=0o700)
    with ExitStack() as running:
        running.callback(shutil.rmtree, directory, ignore_errors=True)
        world = running.enter_context(Sink())
        auth = running.enter_context(AuthServer({"agent": "secret"}))
        signer = running.enter_context(OpenDkim(directory / "dkim", domain))
        postfix = PrivatePostfix(
            directory,
            sink_port=world.port,
            sasl_port=auth.port,
            services={"mx": {}, **(services or {})},
            cleanups={},
        )
        text = TOML.format(
            directory=directory, desk=free_port(), submit=free_port(), domain=domain
        )
        service = Service(directory / "serve", f"{text}{toml}")
        tokens = Tokens(make_secret(directory / "state" / "secret"))
        shell = RootShell(postfix, running=True)
        postfix.start()
        running.callback(postfix.stop)
        if main:
            shell.paste(main.format(sink=world.port))
        script = wiring(load([service.config]).config)
        shell.paste(script, signer=f"inet:127.0.0.1:{signer.port}")
        site = Site(directory, domain, postfix, shell, world, signer, service, tokens)
        if serve:
            running.enter_context(service)
        yield site
