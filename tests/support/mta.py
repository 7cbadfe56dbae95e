"""A private Postfix with all the SMTP services that the end-to-end tests need, and its sink."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from tests.support.postfix import Overrides, PrivatePostfix
from tests.support.sasl import AuthServer
from tests.support.sink import Sink
from tests.support.smtp import SmtpClient

STRIP_FILE: Final = Path(__file__).resolve().parents[2] / "config/postfix/mailtriage_strip.regexp"


@dataclass(frozen=True, slots=True)
class Mta:
    """Postfix, and the sink that it delivers to. Its SMTP services, by name:

    tagged             mailtriage at `milter.sock`, default_action=accept
    shipped            the same with the shipped header_checks: what an administrator sets up
    strict             mailtriage, default_action=tempfail: a milter that fails shows as 451
    impatient          as shipped, with milter time-outs of 2 seconds
    plain              no milter
    down               as shipped, but nobody listens at the socket
    restarted          as strict, at `restart.sock`
    restarted_lenient  as tagged, at `restart.sock`: a milter that fails shows as a mail without tags

    Mail from sendmail(1) goes through mailtriage too (non_smtpd_milters).
    """

    directory: Path
    postfix: PrivatePostfix
    sink: Sink
    numbers: Iterator[int]

    def connect(self, service: str = "tagged", client: str = "203.0.113.7") -> SmtpClient:
        """A greeted SMTP session, from the Internet unless told otherwise ("" is loopback)."""
        return SmtpClient(self.postfix.ports[service]).greet(client)

    def recipient(self) -> str:
        """A service address that nothing was sent to yet: what comes there can be told apart."""
        return f"help+{next(self.numbers)}@desk.example"


def _services(directory: Path) -> Mapping[str, Overrides]:
    def milter(name: str, *settings: str) -> Overrides:
        return {"smtpd_milters": f"{{ unix:{directory}/{name}, {', '.join(settings)} }}"}

    accept, tempfail = "default_action=accept", "default_action=tempfail"
    quick = ("connect_timeout=2s", "command_timeout=2s", "content_timeout=2s")
    strip = {"cleanup_service_name": "cleanup_strip"}
    return {
        "tagged": milter("milter.sock", accept),
        "shipped": {**milter("milter.sock", accept), **strip},
        "strict": milter("milter.sock", tempfail),
        "impatient": {**milter("milter.sock", accept, *quick), **strip},
        "plain": {},
        "down": {**milter("nobody.sock", accept), **strip},
        "restarted": milter("restart.sock", tempfail),
        "restarted_lenient": milter("restart.sock", accept),
    }


@contextmanager
def running_mta() -> Iterator[Mta]:
    """Start it in a new directory that the user postfix can reach; stop and remove it afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    directory.chmod(0o755)
    services = _services(directory)
    strip = shutil.copy(STRIP_FILE, directory)
    with Sink() as sink, AuthServer({"agent": "secret"}) as auth:
        postfix = PrivatePostfix(
            directory,
            sink_port=sink.port,
            sasl_port=auth.port,
            services=services,
            cleanups={
                "cleanup_strip": {"header_checks": f"regexp:{strip}"},
                "cleanup_local": {"non_smtpd_milters": services["tagged"]["smtpd_milters"]},
            },
        )
        postfix.start()
        try:
            yield Mta(directory, postfix, sink, count())
        finally:
            postfix.stop()
            shutil.rmtree(directory)
