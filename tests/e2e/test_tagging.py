"""A real Postfix hands its mail to mailtriage, and it leaves tagged."""

import pytest

from tests.support.mails import FORGED, LETTERS, Letter, assert_tagged, ours, with_header
from tests.support.mta import Mta
from tests.support.serve import Service, wait_for
from tests.support.sink import Delivery
from tests.support.smtp import stuffed

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("service", "postfix_is_content")]


def assert_tagged_as(letter: Letter, delivery: Delivery) -> None:
    assert_tagged(delivery.header)
    assert letter.agrees_with(delivery.tags), delivery.tags


@pytest.mark.parametrize("service_name", ["tagged", "shipped", "strict"])
@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.expect["X-Mailtriage-Skill"])
def test_a_mail_is_delivered_with_its_tags(mta: Mta, letter: Letter, service_name: str) -> None:
    recipient = mta.recipient()
    with mta.connect(service_name) as client:
        assert client.mail(letter.raw, recipient).code == 250
    assert_tagged_as(letter, mta.sink.one(recipient))


MANY_HEADERS = b"".join(b"X-Filler-%d: x\n" % i for i in range(6000))


@pytest.mark.parametrize("ahead", [b"", MANY_HEADERS], ids=["on top", "behind 6000 others"])
@pytest.mark.parametrize("service_name", ["tagged", "shipped"])
def test_forged_tags_never_arrive(mta: Mta, service_name: str, ahead: bytes) -> None:
    """With the shipped header_checks, and by the milter alone."""
    recipient = mta.recipient()
    with mta.connect(service_name) as client:
        assert client.mail(with_header(LETTERS[0].raw, ahead + FORGED), recipient).code == 250
    assert_tagged(mta.sink.one(recipient).header)


def test_each_mail_of_a_session_gets_its_own_tags(mta: Mta) -> None:
    sent = [(letter, mta.recipient()) for letter in LETTERS * 2]
    with mta.connect() as client:
        for letter, recipient in sent:
            assert client.mail(letter.raw, recipient).code == 250
    for letter, recipient in sent:
        assert_tagged_as(letter, mta.sink.one(recipient))


def test_rset_forgets_the_mail_before_it(mta: Mta) -> None:
    recipient = mta.recipient()
    with mta.connect() as client:
        client.envelope([mta.recipient()], sender="")
        client.command("RSET")
        client.envelope([mta.recipient()])
        client.command("RSET")
        assert client.mail(LETTERS[2].raw, recipient).code == 250
        client.command("RSET")
    assert_tagged_as(LETTERS[2], mta.sink.one(recipient))


def test_a_client_that_hangs_up_in_data_leaves_nothing_behind(mta: Mta) -> None:
    for _ in range(4):
        client = mta.connect()
        lost = mta.recipient()
        client.envelope([lost])
        client.command("DATA", 3)
        client.send(stuffed(with_header(LETTERS[1].raw, FORGED))[:-5])
        client.drop()
        recipient = mta.recipient()
        with mta.connect() as client:
            assert client.mail(LETTERS[0].raw, recipient).code == 250
        assert_tagged_as(LETTERS[0], mta.sink.one(recipient))
        assert mta.sink.to(lost) == []


def test_pipelined_commands_and_mails(mta: Mta) -> None:
    """RFC 2920: the whole envelope in one packet, and the next envelope behind the final dot."""
    sent = [(letter, mta.recipient()) for letter in LETTERS]
    with mta.connect() as client:
        pending = b""
        for letter, recipient in sent:
            envelope = f"MAIL FROM:<c@customer.example>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n"
            client.send(pending + envelope.encode())
            for kind in (2, 2, 3) if not pending else (2, 2, 2, 3):
                client.expect(kind)
            pending = stuffed(letter.raw)
        client.send(pending)
        client.expect(2)
    for letter, recipient in sent:
        assert_tagged_as(letter, mta.sink.one(recipient))


def test_a_mail_in_chunks(mta: Mta) -> None:
    """RFC 3030: BDAT instead of DATA."""
    recipient = mta.recipient()
    content = LETTERS[1].raw.replace(b"\n", b"\r\n")
    with mta.connect() as client:
        client.envelope([recipient])
        for chunk, last in ((content[:301], ""), (content[301:], " LAST")):
            client.send(f"BDAT {len(chunk)}{last}\r\n".encode() + chunk)
            client.expect(2)
    assert_tagged_as(LETTERS[1], mta.sink.one(recipient))


def test_internationalised_addresses(mta: Mta) -> None:
    """RFC 6531: addresses beyond ASCII in the envelope and in the header."""
    recipient = f"hjälp-{mta.recipient()}"
    raw = LETTERS[0].raw.replace(b"kim@customer.example", "kim@kündin.example".encode())
    with mta.connect() as client:
        client.command("MAIL FROM:<kim@kündin.example> SMTPUTF8 BODY=8BITMIME")
        client.command(f"RCPT TO:<{recipient}>")
        client.command("DATA", 3)
        client.send(stuffed(raw))
        client.expect(2)
    mta.postfix.wait_until_empty()
    (delivery,) = [d for d in mta.sink.deliveries if recipient.encode() in d.content]
    assert_tagged_as(LETTERS[0], delivery)


def test_all_recipients_get_the_same_tagged_mail_and_a_refused_one_changes_nothing(
    mta: Mta,
) -> None:
    recipients = [mta.recipient() for _ in range(120)]
    with mta.connect() as client:
        client.command("MAIL FROM:<customer@example.org>")
        client.command("RCPT TO:<somebody@elsewhere.example>", 5)
        for recipient in recipients:
            client.command(f"RCPT TO:<{recipient}>")
        client.command("DATA", 3)
        client.send(stuffed(LETTERS[0].raw))
        client.expect(2)
    delivered = {mta.sink.one(recipient).content for recipient in recipients}
    assert len(delivered) == 1
    assert_tagged_as(LETTERS[0], mta.sink.one(recipients[0]))


def test_8_bit_headers_arrive_as_they_were(mta: Mta) -> None:
    odd = "Subject: Fel belopp på fakturan åäö\n".encode("latin-1") + "X-Odd: ✓ ü\n".encode()
    raw = odd + LETTERS[0].raw.replace(b"Subject: Fel belopp fakturan\n", b"")
    recipient = mta.recipient()
    with mta.connect() as client:
        assert client.mail(raw, recipient).code == 250
    delivery = mta.sink.one(recipient)
    assert odd.replace(b"\n", b"\r\n") in delivery.content
    assert_tagged_as(LETTERS[0], delivery)


def test_a_mail_of_20_megabytes(mta: Mta) -> None:
    head = LETTERS[0].raw
    attachment = (b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo" * 2 + b"\n") * 285_000
    recipient = mta.recipient()
    with mta.connect() as client:
        assert client.mail(head + b"\n" + attachment, recipient).code == 250
    delivery = mta.sink.one(recipient)
    assert len(delivery.content) > 20_000_000
    assert delivery.content.endswith(attachment.replace(b"\n", b"\r\n"))
    assert_tagged_as(LETTERS[0], delivery)


def outbound(mta: Mta, how: str, raw: bytes) -> Delivery:
    """Send a mail as an agent does, and return what arrived."""
    recipient = mta.recipient()
    if how == "sendmail":
        mta.postfix.sendmail(raw, recipient)
    elif how == "authenticated":
        with mta.connect() as client:
            assert client.login().mail(raw, recipient, sender="agent@desk.example").code == 250
    else:
        with mta.connect(client="") as client:
            assert client.mail(raw, recipient, sender="agent@desk.example").code == 250
    return mta.sink.one(recipient)


@pytest.mark.parametrize("how", ["authenticated", "local network", "sendmail"])
def test_outbound_mail_is_not_tagged_and_carries_no_forged_tags(mta: Mta, how: str) -> None:
    assert ours(outbound(mta, how, LETTERS[0].raw).header) == []
    assert ours(outbound(mta, how, with_header(LETTERS[0].raw, FORGED)).header) == []


def test_a_login_counts_for_its_own_session_only(mta: Mta) -> None:
    recipient = mta.recipient()
    outbound(mta, "authenticated", LETTERS[0].raw)
    with mta.connect() as client:
        assert client.mail(LETTERS[0].raw, recipient).code == 250
    assert_tagged_as(LETTERS[0], mta.sink.one(recipient))


def test_one_line_a_mail_is_logged_and_it_gives_nobody_away(mta: Mta, service: Service) -> None:
    recipient = mta.recipient()
    with mta.connect() as client:
        reply = client.mail(LETTERS[0].raw, recipient, sender="kim@customer.example")
    queue_id = reply.text.split()[-1]
    wait_for(lambda: queue_id in service.log(), "the log line")
    (line,) = [line for line in service.log().splitlines() if queue_id in line]
    for fact in ("language=sv", "skill=billing", "status=ok"):
        assert fact in line
    for private in ("kim", "customer.example", recipient, "belopp", "Fel"):
        assert private not in line
