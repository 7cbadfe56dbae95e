"""A whole site: Postfix wired with what `mailtriage postfix` prints, a signer, and `mailtriage serve`.

What an administrator has the evening after: customers' mail comes in at "mx", goes on to the
helpdesk, and is acknowledged. Helpdesk and customers are one LMTP server that keeps everything.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from mailtriage.acks.tokens import Tokens
from mailtriage.commands.postfix import wiring
from mailtriage.config import load
from mailtriage.state.outbox import OWED, Outbox
from mailtriage.state.secret import make_secret
from mailtriage.state.sqlite import StateError, open_database
from tests.support import opendkim, postfix
from tests.support.background import open_directory
from tests.support.customers import HELP, Customer, customer_mail
from tests.support.opendkim import OpenDkim
from tests.support.postfix import Overrides, PrivatePostfix, RootShell, free_port
from tests.support.sasl import AuthServer
from tests.support.serve import Service, wait_for
from tests.support.sink import Delivery, Sink
from tests.support.smtp import SmtpClient, SmtpReply

__all__ = [
    "HELP", "HELPDESK", "QUICK", "VOUCH", "Customer", "Site", "customer_mail", "is_ack",
    "running_site", "settle", "why_not",
]  # fmt: skip

HELPDESK = "192.0.2.9"
"""Address of the machine that the helpdesk writes from."""

TOML = """\
[milter]
listen = "unix:{directory}/milter.sock"
socket_group = "postfix"
workers = 2
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
own_hosts = ["mx.test.example"]
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

# Postfix reads a file again and again while it is no older than a second, lest somebody is writing
# it still: a script of many postconf commands would take half a minute.
QUICK: Final = """\
postconf() {
    command postconf "$@" || return
    touch -d '10 seconds ago' /etc/postfix/main.cf /etc/postfix/master.cf
}
"""

VOUCH: Final = """
cat > /etc/postfix/border <<'END'
/^.*@(.*)$/    PREPEND Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom=$1; dmarc=pass header.from=$1
/^<>$/         PREPEND Authentication-Results: mx.desk.example; spf=pass smtp.helo=mx.test.example
END
postconf -e 'smtpd_sender_restrictions = check_sender_access regexp:/etc/postfix/border'
"""
"""For `main` of `running_site`: the border says of everybody that he is who he says, so that it is
never for want of authentication that a mail is not acknowledged."""

_QUEUED: Final = re.compile(r"queued as (\w+)")


def why_not() -> str:
    """Why no site can run here; empty when one can."""
    return postfix.why_not() or opendkim.why_not()


def is_ack(mail: Delivery) -> bool:
    """Whether mailtriage wrote it."""
    return b"\r\nX-Mailtriage-Loop: " in mail.content.partition(b"\r\n\r\n")[0]


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
    signers: str
    """The milters at the port that acknowledgements are handed in at."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def connect(self, client: str = "203.0.113.7", service: str = "mx") -> SmtpClient:
        """A session at port 25, from the Internet unless told otherwise ("" is loopback)."""
        return SmtpClient(self.postfix.ports[service]).greet(client)

    def send(
        self,
        content: bytes,
        *,
        sender: str,
        to: str = "",
        client: str = "203.0.113.7",
        service: str = "mx",
    ) -> SmtpReply:
        """One mail of a session of its own; the reply to its last dot."""
        with self.connect(client, service) as session:
            return session.mail(content, to or f"help@{self.domain}", sender=sender)

    def customer(self) -> Customer:
        """Another one."""
        return Customer(next(self.numbers))

    def write(
        self,
        customer: Customer,
        content: bytes = b"",
        *,
        to: str = "",
        sender: str | None = None,
        service: str = "mx",
    ) -> str:
        """A customer's mail, which must be taken; returns Postfix's queue id."""
        with self.connect(customer.client, service) as session:
            to = to or f"help@{self.domain}"
            content = content or customer.mail(to=to)
            sender = customer.address if sender is None else sender
            reply = session.mail(content, to, sender=sender)
        assert reply.code == 250, reply.text
        queued = _QUEUED.search(reply.text)
        assert queued is not None
        return queued[1]

    def agent_writes(self, content: bytes, to: str, *, sender: str = HELP) -> None:
        """A mail that the helpdesk sends out."""
        assert self.send(content, sender=sender, to=to, client=HELPDESK).code == 250

    def acks(self) -> list[Delivery]:
        """The acknowledgements that customers got so far."""
        return [one for one in list(self.world.deliveries) if is_ack(one)]

    def acks_to(self, address: str) -> list[Delivery]:
        """Those that one customer got."""
        return [one for one in self.world.to(address) if is_ack(one)]

    def wait_for_ack(self, address: str, timeout: float = 60) -> Delivery:
        """The one that this customer gets."""
        self.world.wait(lambda _: bool(self.acks_to(address)), timeout)
        return self.acks_to(address)[0]

    def wait_until_kept(self, queue_id: str, why: str = "") -> None:
        """Until Postfix has tried to deliver a mail, and keeps it, for that reason."""

        def kept() -> bool:
            words = (f" {queue_id}: ", "status=deferred", why)
            lines = self.postfix.log().splitlines()
            return any(all(word in line for word in words) for line in lines)

        wait_for(kept, f"{queue_id} to be kept: {why}")

    def arrived(self, message_id: str, number: int = 1) -> list[Delivery]:
        """The copies of a mail that the helpdesk got; waits until there are as many."""

        def copies() -> list[Delivery]:
            line = f"\r\nMessage-ID: {message_id}\r\n".encode()
            return [one for one in list(self.world.deliveries) if line in one.content]

        self.world.wait(lambda _: len(copies()) >= number)
        return copies()

    def logged(self, *words: str) -> str:
        """The line of mailtriage's log that has all these words, waited for."""
        found: list[str] = []

        def look() -> bool:
            lines = self.service.log().splitlines()
            found[:] = [line for line in lines if all(word in f"{line} " for word in words)]
            return bool(found)

        wait_for(look, f"a line of the log with {words}", 30)
        return found[-1]

    def outbox(self) -> dict[str, int]:
        """How many rows there are of each state; none before the desk has made the database."""
        try:
            with closing(open_database(self.state, read_only=True)) as connection:
                return dict(Outbox(connection).counts())
        except StateError:
            return {}

    def owed(self) -> int:
        """How many acknowledgements are to be sent now, or soon: those that wait for the number of
        a ticket are not among them."""
        counts = self.outbox()
        return sum(counts.get(state, 0) for state in OWED if state != "WAITING")

    def settle(self, timeout: float = 60) -> None:
        """Until nothing is under way any more: what has not come then never comes."""
        # The queue once more: an acknowledgement leaves the outbox for it.
        wait_for(
            lambda: not (self.postfix.queued() or self.owed() or self.postfix.queued()),
            "quiet",
            timeout,
        )

    @property
    def state(self) -> Path:
        """The database."""
        return self.directory / "state" / "state.db"

    def administer(self, script: str) -> None:
        """Run shell commands as root, in which Postfix is this one; then reload it."""
        self.shell.paste(f"{QUICK}{script}\npostfix reload\n")

    def wire(self) -> None:
        """Paste what `mailtriage postfix` prints."""
        script = wiring(load([self.service.config]).config)
        self.shell.paste(QUICK + script, signer=self.signers)

    def close_port(self) -> None:
        """Nothing listens any more where acknowledgements are handed in; `wire` opens it again."""
        submit = load([self.service.config]).config.ack.submit
        self.administer(f"postconf -MX '{submit.host}:{submit.port}/inet'")

    def is_kicked(self, service: str) -> bool:
        """Whether a daemon of Postfix was woken (postkick(1)); not while it reads new settings."""
        try:
            self.run("postkick", "public", service, "W")
        except subprocess.CalledProcessError:
            return False
        return True

    def run(self, program: str, *arguments: str) -> None:
        """One of Postfix's programs, for this Postfix."""
        command = [f"/usr/sbin/{program}", "-c", str(self.postfix.config), *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=30)

    def route(self, domain: str, next_hop: str) -> None:
        """Mail for that domain goes there ("smtp:[127.0.0.1]:25")."""
        self.administer(f"""
            postconf -M 'smtp/unix=smtp unix - - n - - smtp'
            postconf -e "transport_maps = inline:{{ {{ {domain} = {next_hop} }} }}, \\
                $(postconf -h transport_maps)"
        """)


def settle(*sites: Site, idle: Callable[[], bool]) -> None:
    """Until neither these sites nor a robot that writes to them have anything to say any more.

    `idle`: whether the robot has nothing to do.
    """

    def quiet() -> bool:
        before = [len(site.postfix.log()) for site in sites]
        for site in sites:
            site.settle()
        # Meanwhile something may have come to one that was quiet already: that would be logged.
        return idle() and before == [len(site.postfix.log()) for site in sites]

    wait_for(quiet, "the end of the exchange", 120)


@contextmanager
def running_site(
    *,
    domain: str = "desk.example",
    toml: str = "",
    services: Mapping[str, Overrides] | None = None,
    main: str = "",
    signers: str = "",
    world: Sink | None = None,
    state: str = "",
    secret: bytes = b"",
    serve: bool = True,
) -> Iterator[Site]:
    """Start everything; stop and remove it afterwards.

    `toml`: further configuration; `services`: further smtpd listeners; `main`: shell commands that
    an administrator ran before ours, with {sink} for the port of the LMTP server; `signers`:
    further milters that acknowledgements pass when they are signed; `world`: the LMTP server, not
    started yet, where it is to be more than a `Sink`; `state`: what [state] says instead, with
    {directory} for that of the site; `secret`: another node's.
    """
    with ExitStack() as running:
        directory = running.enter_context(open_directory())
        for name in ("dkim", "state", "serve"):
            (directory / name).mkdir(mode=0o700)
        world = running.enter_context(world or Sink())
        auth = running.enter_context(AuthServer({"agent": "secret"}))
        signer = running.enter_context(OpenDkim(directory / "dkim", domain))
        mta = PrivatePostfix(
            directory,
            sink_port=world.port,
            sasl_port=auth.port,
            services={"mx": {}, **(services or {})},
            cleanups={"cleanup_local": {}},
        )
        form = TOML.replace('url = "sqlite://{directory}/state/state.db"', state) if state else TOML
        text = form.format(directory=directory, desk=free_port(), submit=free_port(), domain=domain)
        if secret:
            (directory / "state" / "secret").write_bytes(secret)
            (directory / "state" / "secret").chmod(0o600)
        service = Service(directory / "serve", f"{text}{toml}")
        tokens = Tokens(make_secret(directory / "state" / "secret"))
        shell = RootShell(mta, running=True)
        for file in ("main.cf", "master.cf"):
            an_hour_ago = time.time() - 3600  # see QUICK
            os.utime(mta.config / file, (an_hour_ago, an_hour_ago))
        mta.start()
        running.callback(mta.stop)
        before = main.format(sink=world.port) if main else ""
        own = f"'relay_domains = {domain}' 'mynetworks = 127.0.0.0/8 192.0.2.0/24'"
        shell.paste(f"{QUICK}postconf -e {own}\n{before}\n")
        all_signers = ", ".join(filter(None, (f"inet:127.0.0.1:{signer.port}", signers)))
        site = Site(directory, domain, mta, shell, world, signer, service, tokens, all_signers)
        site.wire()
        if serve:
            running.enter_context(service)
        yield site
