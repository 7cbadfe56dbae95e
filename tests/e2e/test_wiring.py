"""What `mailtriage postfix` prints, pasted into a Postfix that has a life of its own already.

A milter that does nothing but add the hidden recipient stands for mailtriage, and an LMTP server
that knows our signatures for its desk: here it is Postfix that is put to the test.
"""

import base64
import random
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.state.secret import make_secret
from tests.support import opendkim
from tests.support.opendkim import OpenDkim
from tests.support.postfix import PrivatePostfix, RootShell, free_port, why_not
from tests.support.sasl import AuthServer
from tests.support.serve import wait_for
from tests.support.sink import Delivery, Sink
from tests.support.smtp import SmtpClient, stuffed
from tests.support.wired import ACK, BEFORE, MAIL, HiddenRecipientMilter, Wired

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def wired() -> Iterator[Wired]:
    """Started, then pasted into while it runs, as on a real machine."""
    if reason := why_not() or opendkim.why_not():
        pytest.skip(reason)
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    directory.chmod(0o755)
    (directory / "dkim").mkdir()
    tokens = Tokens(make_secret(directory / "secret"))
    with ExitStack() as running:
        running.callback(shutil.rmtree, directory)
        helpdesk, desk = running.enter_context(Sink()), running.enter_context(Sink())
        desk.refuses = lambda recipient: (
            not (
                tokens.read_hidden_recipient(recipient) or tokens.read_sweeper_recipient(recipient)
            )
        )
        auth = running.enter_context(AuthServer({"agent": "secret"}))
        milter = running.enter_context(HiddenRecipientMilter(tokens))
        signer = running.enter_context(OpenDkim(directory / "dkim"))
        postfix = PrivatePostfix(
            directory,
            sink_port=helpdesk.port,
            sasl_port=auth.port,
            services={"mx": {}, "unwatched": {"smtpd_milters": ""}},
            cleanups={},
        )
        shell = RootShell(postfix, running=True)
        postfix.start()
        running.callback(postfix.stop)
        shell.paste(BEFORE.format(sink=helpdesk.port))
        machine = Wired(
            directory, postfix, shell, helpdesk, desk, milter, signer, tokens, count(), free_port()
        )
        machine.paste()
        yield machine


@pytest.fixture(autouse=True)
def log_of_failures(wired: Wired, request: pytest.FixtureRequest) -> Iterator[None]:
    """What Postfix logged during a test that failed is shown with it."""
    before, failed = len(wired.postfix.log()), request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        print(wired.postfix.log()[before:][-8000:])


def test_nothing_that_was_pasted_makes_postfix_complain(wired: Wired) -> None:
    wired.send()
    with wired.at_the_port() as client:
        client.command("ETRN mailtriage.invalid")
    complaints = [
        line
        for line in wired.postfix.log().splitlines()
        if "warning:" in line and "ailtriage" in line
    ]
    assert complaints == []


def test_the_desk_hears_of_the_mail_and_the_helpdesk_gets_all_of_it(wired: Wired) -> None:
    mail, copy = wired.send()
    assert mail.content.endswith(MAIL.replace(b"\n", b"\r\n"))
    assert copy.recipients == (wired.milter.added[-1],)
    assert "NOTIFY=NEVER" in copy.parameters
    assert copy.sender == mail.sender == "customer@example.org"
    hidden = b"mailtriage.invalid"
    assert hidden not in mail.content  # nobody sees who else got it
    assert mail.header[0][0] == copy.header[0][0] == "Received"


def test_headers_reach_the_desk_as_the_milter_saw_them(wired: Wired) -> None:
    """Generic maps would rewrite them on the way, and what is signed would not hold."""
    odd = b"From: kim@intranet.invalid\nTo: help@desk.example\nSubject: odd\n\nHello\n"
    _, copy = wired.send(odd)
    assert ("From", "kim@intranet.invalid") in copy.header


def test_internationalised_mail_reaches_the_desk_too(wired: Wired) -> None:
    """RFC 6531: Postfix would return it if the next hop did not offer SMTPUTF8."""
    to = wired.recipient()
    with wired.connect() as client:
        client.command("MAIL FROM:<kim@kündin.example> SMTPUTF8 BODY=8BITMIME")
        client.command(f"RCPT TO:<{to}>")
        client.command("DATA", 3)
        client.send(stuffed(MAIL))
        client.expect(2)
    assert wired.desk.one(wired.milter.added[-1])
    assert wired.helpdesk.one(to)


def with_attachment() -> bytes:
    """A mail of 4 MB: base64 text of 2 KB, and an attachment that is no text."""
    text = "Guten Tag, die Rechnung ist falsch. Bitte prüfen Sie das, schöne Grüße. " * 20
    attachment = random.Random(1).randbytes(3_000_000)
    head = MAIL.partition(b"\n\n")[0] + b'\nContent-Type: multipart/mixed; boundary="b"\n\n'
    coded = b"Content-Transfer-Encoding: base64\n\n"
    return (
        head
        + b"--b\nContent-Type: text/plain; charset=utf-8\n"
        + coded
        + base64.encodebytes(text.encode())
        + b'--b\nContent-Type: image/jpeg; name="photo.jpg"\n'
        + coded
        + base64.encodebytes(attachment)
        + b"--b--\n"
    )


@pytest.mark.parametrize(("mode", "share"), [("headers", 0.001), ("text", 0.02), ("full", 1.0)])
def test_how_much_of_a_large_mail_the_desk_gets(
    wired: Wired, mode: str, share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    wired.paste(copy=mode)
    mail, copy = wired.send(with_attachment())
    ratio = len(copy.content) / len(mail.content)
    with capsys.disabled():
        print(f" [desk.copy = {mode}: {len(copy.content)} of {len(mail.content)} bytes] ", end="")
    assert len(mail.content) > 4_000_000
    assert ratio <= share if mode != "full" else ratio > 0.99
    structure = [b'name="photo.jpg"', b"Content-Type: text/plain"]
    assert all(part in copy.content for part in structure)
    text = base64.encodebytes(b"Guten Tag, die Rechnung ist falsch.")[:40]
    assert (text in copy.content) is (mode != "headers")
    wired.paste()


@pytest.mark.parametrize("address", ["swept@desk.example", "swept-too@desk.example"])
def test_the_sweeper_tells_the_desk_while_the_milter_is_away(wired: Wired, address: str) -> None:
    swept = wired.tokens.sweeper_recipient("swept@desk.example")
    before = len(wired.desk.to(swept))
    with SmtpClient(wired.postfix.ports["unwatched"]).greet() as client:
        assert client.mail(MAIL, address).code == 250
    wired.desk.wait(lambda _: len(wired.desk.to(swept)) > before)
    assert "NOTIFY=NEVER" in wired.desk.to(swept)[-1].parameters
    assert wired.helpdesk.one(address)


def test_milter_and_sweeper_together_make_one_delivery(wired: Wired) -> None:
    wired.helpdesk.clear()
    _, copy = wired.send(to="swept@desk.example")
    assert set(copy.recipients) == {
        wired.milter.added[-1],
        wired.tokens.sweeper_recipient("swept@desk.example"),
    }


def test_what_was_there_still_works(wired: Wired) -> None:
    """The administrator's own bcc, and the archive of everything."""
    with wired.connect() as client:
        assert client.mail(MAIL, "sales@desk.example").code == 250
    assert wired.helpdesk.one("boss@desk.example")
    wired.helpdesk.wait(lambda _: bool(wired.helpdesk.to("journal@archive.example")))


@pytest.mark.parametrize("service", ["mx", "unwatched"])
def test_strangers_cannot_address_the_desk(wired: Wired, service: str) -> None:
    """Not even with a signature, say from a log that they have seen."""
    signed = wired.tokens.sweeper_recipient("swept@desk.example")
    with SmtpClient(wired.postfix.ports[service]).greet() as client:
        client.command("MAIL FROM:<customer@example.org>")
        for address in (signed, "anybody@mailtriage.invalid", f"{signed}@desk.example"):
            reply = client.command(f"RCPT TO:<{address}>", 5)
            assert reply.code == 554
            assert "Relay access denied" in reply.text


@pytest.mark.parametrize("how", ["local network", "login"])
def test_who_may_relay_is_refused_by_the_desk_without_our_signature(wired: Wired, how: str) -> None:
    before = len(wired.desk.deliveries)
    address = f"t1.{'a' * 26}.{'b' * 13}@mailtriage.invalid"
    with wired.connect("" if how == "local network" else "203.0.113.7") as client:
        if how == "login":
            client.login()
        assert client.mail(MAIL, address, sender="agent@desk.example").code == 250
    # Told so by Postfix, as with every address that does not exist.
    bounce = wired.helpdesk.one("agent@desk.example")
    assert bounce.sender == ""
    assert b"550 5.1.1 nobody" in bounce.content
    assert address not in [to for d in wired.desk.deliveries[before:] for to in d.recipients]
    wired.helpdesk.clear()


def test_a_copy_that_the_desk_refuses_for_good_makes_no_bounce(wired: Wired) -> None:
    """NOTIFY=NEVER: the customer's mail has arrived, and must not be reported as lost."""
    known, wired.desk.refuses = wired.desk.refuses, lambda _recipient: True
    to = wired.recipient()
    try:
        with wired.connect() as client:
            reply = client.mail(MAIL, to)
        queue_id = reply.text.split()[-1]
        # Postfix does not forget a mail before it has sent what is to be sent about it.
        wait_for(lambda: f"{queue_id}: removed" in wired.postfix.log(), "the end of the mail")
    finally:
        wired.desk.refuses = known
    assert f"{queue_id}: to=<{wired.milter.added[-1]}>" in wired.postfix.log()
    assert f"{queue_id}: sender non-delivery notification" not in wired.postfix.log()
    assert wired.helpdesk.one(to)


def test_a_filter_after_the_queue_brings_the_hidden_recipient_back(wired: Wired) -> None:
    """It hands in every recipient anew, by SMTP from this machine.

    That is why the desk's signature keeps others out and no access table does: a REJECT there would
    make the filter bounce the customer's mail.
    """
    wired.shell.paste(f"""
        postconf -P '127.0.0.1:{wired.postfix.ports["mx"]}/inet/content_filter=smtp:[127.0.0.1]:{wired.postfix.ports["unwatched"]}'
        postconf -M 'smtp/unix=smtp unix - - n - - smtp -o smtp_generic_maps='
        postfix reload
    """)
    try:
        _, copy = wired.send()
        assert "NOTIFY=NEVER" in copy.parameters
    finally:
        wired.shell.paste(f"""
            postconf -P '127.0.0.1:{wired.postfix.ports["mx"]}/inet/content_filter='
            postfix reload
        """)


def hand_in(wired: Wired, recipient: str, content: bytes = ACK) -> Delivery:
    """An acknowledgement, as the desk hands it in, and how it leaves."""
    with wired.at_the_port() as client:
        client.command("MAIL FROM:<>")
        client.command(f"RCPT TO:<{recipient}> NOTIFY=NEVER")
        client.command("DATA", 3)
        client.send(stuffed(content))
        client.expect(2)
    return wired.helpdesk.one(recipient)


def test_an_acknowledgement_is_signed_and_mailtriage_does_not_see_it(wired: Wired) -> None:
    seen = len(wired.milter.added)
    ack = hand_in(wired, "kim@customer.example")
    assert ack.sender == ""
    assert "NOTIFY=NEVER" in ack.parameters
    assert "d=desk.example" in dict(ack.header)["DKIM-Signature"]
    assert wired.signer.verdict(ack.content).endswith("succeeded")
    assert wired.signer.verdict(ack.content.replace(b"Thanks", b"Pay me")).endswith("failed")
    assert len(wired.milter.added) == seen


def test_an_acknowledgement_keeps_its_headers(wired: Wired) -> None:
    """Though the table against forgeries removes such headers from all other mail."""
    ack = hand_in(wired, "lee@customer.example")
    assert ack.content.endswith(ACK.replace(b"\n", b"\r\n"))
    to = wired.recipient()
    with SmtpClient(wired.postfix.ports["unwatched"]).greet() as client:
        assert client.mail(ACK, to).code == 250
    names = [name for name, _ in wired.helpdesk.one(to).header]
    assert "X-Mailtriage-Ref" not in names
    assert "X-Mailtriage-Loop" in names


def test_an_acknowledgement_follows_aliases_and_goes_to_the_archive(wired: Wired) -> None:
    """no_address_mappings would spare a look-up, and lose what goes to an alias of this machine."""
    wired.helpdesk.clear()
    with wired.at_the_port() as client:
        assert client.mail(ACK, "friend@alias.example", sender="").code == 250
    assert wired.helpdesk.one("friend@real.example").sender == ""
    assert wired.helpdesk.one("journal@archive.example")


def answer_to_mail(wired: Wired) -> int:
    """Code of the reply to MAIL at the port."""
    with wired.at_the_port() as client:
        client.send(b"MAIL FROM:<>\r\n")
        return client.receive().code


def test_an_acknowledgement_waits_while_its_signer_is_down(wired: Wired) -> None:
    wired.shell.paste(f"""
        postconf -e 'mailtriage_signer = inet:127.0.0.1:{free_port()}'
        postfix reload
    """)
    try:
        # A process that was idle at the reload may serve one client more.
        wait_for(lambda: answer_to_mail(wired) == 451, "the port to notice")
    finally:
        wired.paste()
    hand_in(wired, "after@customer.example")


def test_a_desk_that_comes_back_gets_at_once_what_waited(wired: Wired) -> None:
    """Postfix would otherwise wait for minimal_backoff_time: here, as by default, five minutes."""
    to = wired.recipient()
    wired.paste(desk=free_port())
    with wired.connect() as client:
        assert client.mail(MAIL, to).code == 250
    hidden = wired.milter.added[-1]
    assert wired.helpdesk.one(to)  # waits for nobody
    wait_for(lambda: f"to=<{hidden}>" in wired.postfix.log(), "the first attempt")
    wired.paste()
    assert wired.desk.to(hidden) == []
    with wired.at_the_port() as client:
        client.command("ETRN mailtriage.invalid")
    copy = wired.desk.one(hidden, timeout=60)
    assert "NOTIFY=NEVER" in copy.parameters


def test_the_port_is_for_this_machine_alone(wired: Wired) -> None:
    with wired.at_the_port() as client:
        # Even a client that may call itself another one elsewhere may not do so here.
        client.command("XCLIENT ADDR=203.0.113.7", 5)
    with pytest.raises(OSError, match="refused"), socket.socket() as elsewhere:
        elsewhere.connect(("127.0.0.2", wired.submit))  # this machine, by another address
