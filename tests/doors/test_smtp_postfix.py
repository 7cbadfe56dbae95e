"""The door between real Postfixes: as the proxy of a smtpd, and as an LMTP hop behind the queue."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtriage.doors.smtp import Endpoint, MailProtocol
from tests.doors.smtp_support import MAIL, Neighbourhood, SmtpClient
from tests.support.postfix import PrivatePostfix, free_port, why_not
from tests.support.sink import Sink

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "Postfix can run"),
]


NO_AUTH = {"smtpd_sasl_auth_enable": "no"}


@pytest.fixture
def directory() -> Iterator[Path]:
    """One that the user postfix can reach."""
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def test_as_the_proxy_of_a_smtpd(hood: Neighbourhood, directory: Path) -> None:
    """smtpd_proxy_filter: what the second smtpd says reaches the client of the first."""
    listen = Endpoint("127.0.0.1", free_port())
    refuse = "inline:{no@desk.example=REJECT}"
    with Sink() as sink:
        postfix = PrivatePostfix(
            directory,
            sink_port=sink.port,
            sasl_port=free_port(),
            services={
                "front": {"smtpd_proxy_filter": str(listen), **NO_AUTH},
                "back": {
                    **NO_AUTH,
                    "smtpd_authorized_xforward_hosts": "127.0.0.0/8",
                    "smtpd_recipient_restrictions": f"check_recipient_access {refuse}, permit",
                    "message_size_limit": "30000",
                },
            },
            cleanups={"cleanup_local": {}},
        )
        _, where = hood.door(postfix.ports["back"], listen=listen)
        assert where == listen
        postfix.start()
        try:
            client = hood.client(Endpoint("127.0.0.1", postfix.ports["front"]), greet="")
            check_the_proxy(client, sink)
        finally:
            client.drop()
            postfix.stop()
    assert "orig_client=unknown[127.0.0.1]" in postfix.log(), "XFORWARD got through"


def check_the_proxy(client: SmtpClient, sink: Sink) -> None:
    client.expect("220")
    client.says("EHLO client.example", "250")
    client.says("MAIL FROM:<a@example.org> BODY=8BITMIME RET=HDRS ENVID=aB", "250")
    client.says("RCPT TO:<no@desk.example>", "554 5.7.1")
    client.says("RCPT TO:<b@desk.example> NOTIFY=NEVER", "250 2.1.5")
    client.says("DATA", "354")
    client.says(MAIL + "grüße\r\n..\r\n.".encode(), "250 2.0.0 Ok: queued as")
    delivery = sink.one("b@desk.example")
    assert delivery.content.endswith(MAIL + "grüße\r\n.\r\n".encode())
    assert delivery.tags == {"x-mailtriage": "v=1;"}
    assert "ENVID=aB" in delivery.parameters
    assert "NOTIFY=NEVER" in delivery.parameters

    client.says("MAIL FROM:<a@example.org>", "250")
    client.says("RCPT TO:<c@desk.example>", "250")
    client.says("DATA", "354")
    client.says(MAIL + b"x" * 900 + b"\r\n" * 40_000 + b".", "552 5.3.4")


def test_behind_the_queue_over_lmtp(hood: Neighbourhood, directory: Path) -> None:
    """A mail for three, of whom the last hop takes one: delivered, bounced, and tried again."""
    listen = Endpoint("127.0.0.1", free_port())
    hop = hood.hop(
        lmtp=True,
        only_once=True,
        answers={
            "RCPT TO:<full@desk.example>": "452 4.2.2 full",
            "RCPT TO:<gone@desk.example>": "550 5.1.1 gone",
        },
    )
    postfix = PrivatePostfix(
        directory,
        sink_port=listen.port,
        sasl_port=free_port(),
        services={"front": NO_AUTH},
        cleanups={"cleanup_local": {}},
    )
    hood.door(hop, listen=listen, protocol=MailProtocol.LMTP)
    postfix.start()
    try:
        client = hood.client(Endpoint("127.0.0.1", postfix.ports["front"]))
        names = ("b@desk.example", "full@desk.example", "gone@desk.example")
        assert client.sends_mail(MAIL, *names).startswith("250")
        postfix.wait_until_empty()
    finally:
        client.drop()
        postfix.stop()
    got = [(mail.mail.split()[1], [r.split()[1] for r in mail.recipients]) for mail in hop.taken]
    assert sorted(got) == [
        ("FROM:<>", ["TO:<a@example.org>"]),
        ("FROM:<a@example.org>", ["TO:<b@desk.example>"]),
        ("FROM:<a@example.org>", ["TO:<full@desk.example>"]),
    ]
