"""What follows from a hidden copy: one acknowledgement for one mail, whatever way its copies take."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.message import EmailMessage
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.desk.copy import Copy
from mailtriage.doors.smtp_desk import desk_copy
from mailtriage.mail.model import Client
from tests.support.office import (
    BASE,
    HELP,
    JOE,
    ONE_MAILBOX,
    Office,
    Taken,
    letter,
    only_headers,
    only_text,
    open_office,
)

OpenOne = Callable[..., Office]
OTHERS = Tokens(b"the secret of somebody else, also long enough")
PHOTO = "\r\n".join(["/9j/4AAQSkZJRgABAQAAAQABAAD" + "w7P8A" * 9 + "zg"] * 40)
MULTIPART = (
    "--b\r\nContent-Type: text/plain\r\n\r\nHello, where is my parcel? It never came.\r\n"
    "--b\r\nContent-Type: image/jpeg; name=photo.jpg\r\nContent-Disposition: attachment\r\n"
    f"Content-Transfer-Encoding: base64\r\n\r\n{PHOTO}\r\n--b--\r\n"
)
WITH_PHOTO = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[OpenOne]:
    """`start(toml)`: an office with that configuration."""
    with ExitStack() as opened:

        def start_one(toml: str = ONE_MAILBOX) -> Office:
            return opened.enter_context(open_office(tmp_path, toml))

        yield start_one


@pytest.fixture
def office(start: OpenOne) -> Office:
    """One mailbox, help@desk.example."""
    return start()


def outcome(office: Office, copy: Copy, now: float | None = None) -> str:
    fields = office.deliver(copy, now).fields
    rule = fields.get("rule", "-")
    return f"{fields['outcome']}" + (f" {rule}" if rule != "-" else "")


# One mail, one acknowledgement.


def test_a_mail_is_acknowledged_to_who_wrote_it(office: Office) -> None:
    taken = office.take(letter())
    assert taken.tags["X-Mailtriage-Ack"] == "sent"
    assert outcome(office, taken.copy()) == "owed"
    (sent,) = office.send_all()
    assert sent["To"] == JOE
    assert sent["From"] == "Desk Support <help@desk.example>"
    assert sent["In-Reply-To"] == "<m1@customer.example>"
    assert sent["Content-Language"] == "en"
    assert "Where is my parcel?" in sent["Subject"]
    assert office.rows() == [("SENT", "")]


def by_all_ways(taken: Taken, office: Office) -> dict[str, Copy]:
    """Every copy of one mail that may come, and may come alone."""
    return {
        "hidden": taken.copy(),
        "no edit got through": taken.copy(tags=0),
        "one tag got through": taken.copy(tags=1),
        "all tags but the last": taken.copy(tags=len(taken.edits.insert) - 1),
        "swept": taken.swept(office.sweeper()),
        "swept, milter down": taken.swept(office.sweeper(), tagged=False),
        "hidden, text": only_text(taken.copy()),
        "no edit, text": only_text(taken.copy(tags=0)),
        "swept, text": only_text(taken.swept(office.sweeper())),
        "swept, milter down, text": only_text(taken.swept(office.sweeper(), tagged=False)),
        "hidden, headers": only_headers(taken.copy()),
        "no edit, headers": only_headers(taken.copy(tags=0)),
        "swept, milter down, headers": only_headers(taken.swept(office.sweeper(), tagged=False)),
    }


WAYS = (
    "hidden", "no edit got through", "one tag got through", "all tags but the last", "swept",
    "swept, milter down", "hidden, text", "no edit, text", "swept, text",
    "swept, milter down, text", "hidden, headers", "no edit, headers",
    "swept, milter down, headers",
)  # fmt: skip

NO_ID = dict.fromkeys(["message_id"], "")
POSTFIX_ID = {"message_id": "<20261123080000.4C00AA01z@post.desk.example>"}
"""What cleanup(8) writes for clients of the local rewrite context: the queue id is in it."""
IDS = [{}, NO_ID, POSTFIX_ID]
ID_NAMES = ["Message-ID", "no Message-ID", "Postfix's Message-ID"]


def config_for(way: str) -> str:
    mode = "headers" if "headers" in way else "full" if "text" not in way else "text"
    return f'{ONE_MAILBOX}[desk]\ncopy = "{mode}"\n'


@pytest.mark.parametrize("kind", IDS, ids=ID_NAMES)
@pytest.mark.parametrize("way", WAYS)
def test_each_copy_alone_leads_to_the_acknowledgement(
    start: OpenOne, way: str, kind: dict[str, str]
) -> None:
    office = start(config_for(way))
    plain = way.endswith("headers")
    raw = letter(**kind) if plain else letter(MULTIPART, more=WITH_PHOTO, **kind)
    taken = office.take(raw, queue_id="4C00AA01z")
    copy = by_all_ways(taken, office)[way]
    if way == "swept, text" and kind:
        # What Postfix has taken out of the body makes another key; the hidden copy has the right one.
        assert outcome(office, copy) == "nothing"
        copy = only_text(taken.copy())
    assert outcome(office, copy) == "owed"
    (sent,) = office.send_all()
    assert sent["To"] == JOE
    assert outcome(office, copy) == "known F7", "Postfix brings it again without our 250"
    assert office.rows() == [("SENT", "")]


@pytest.mark.parametrize("kind", IDS, ids=ID_NAMES)
@pytest.mark.parametrize("filtered", ["full", "text", "headers"])
@pytest.mark.parametrize("tags", [None, 0, 1, 12], ids=lambda tags: f"{tags} tags")
def test_milter_and_sweeper_in_either_order_lead_to_one(
    start: OpenOne, tmp_path: Path, kind: dict[str, str], filtered: str, tags: int | None
) -> None:
    # Without a cool-down, that only the identity of the mail stands between the customer and two.
    toml = f'{ONE_MAILBOX}[desk]\ncopy = "{filtered}"\n[ack.limits]\ncool_down = "0s"\n'
    cut = {"full": lambda copy: copy, "text": only_text, "headers": only_headers}[filtered]
    raw = letter(**kind) if filtered == "headers" else letter(MULTIPART, more=WITH_PHOTO, **kind)
    for number, order in enumerate(permutations((0, 1))):
        directory = tmp_path / str(number)
        directory.mkdir()
        with open_office(directory, toml) as office:
            taken = office.take(raw, queue_id="4C00AA01z")
            copies = (taken.copy(tags=tags), taken.swept(office.sweeper(), tagged=tags != 0))
            for which in order:
                outcome(office, cut(copies[which]))
            assert len(office.send_all()) == 1
            assert len(office.mails()) == 1


@pytest.mark.parametrize("kind", IDS, ids=ID_NAMES)
def test_a_client_that_lost_the_answer_sends_it_again(start: OpenOne, kind: dict[str, str]) -> None:
    """Two mails for the helpdesk, with another queue id each; one acknowledgement (RFC 1047)."""
    office = start(ONE_MAILBOX + '[ack.limits]\ncool_down = "0s"\n')
    for queue_id, found in (("4C00AA01z", "owed"), ("4C00BB02z", "known F7")):
        again = {name: id_.replace("4C00AA01z", queue_id) for name, id_ in kind.items()}
        taken = office.take(letter(**again), queue_id=queue_id)
        assert outcome(office, taken.copy()) == found
    assert office.rows() == [("READY", "")]


def test_whoever_copies_a_message_id_is_judged_on_his_own(office: Office) -> None:
    assert outcome(office, office.take(letter()).copy()) == "owed"
    mary = "mary@other.example"
    taken = office.take(letter(sender=mary), sender=mary)
    assert outcome(office, taken.copy()) == "owed"
    assert sorted(sent["To"] for sent in office.send_all()) == [JOE, mary]


TWO = ONE_MAILBOX + '[mailboxes."sales@desk.example"]\n[ack.limits]\ncool_down = "0s"\n'
SALES = "sales@desk.example"


@pytest.mark.parametrize("milter", ["up", "down", "killed"])
@pytest.mark.parametrize("turn", [1, -1], ids=["help first", "sales first"])
def test_a_mail_for_two_mailboxes_is_acknowledged_by_one(
    start: OpenOne, milter: str, turn: int
) -> None:
    """By the one that To: names first, as far as the milter has seen it (rule E5); else by the one
    whose copy comes first."""
    office = start(TWO)
    both = (SALES, HELP)
    taken = office.take(letter(to=f"{HELP}, {SALES}"), recipients=both)
    swept = [taken.swept(office.sweeper(one), tagged=milter == "up") for one in both[::turn]]
    copies = swept if milter == "down" else [*swept, taken.copy(tags=None if milter == "up" else 0)]
    found = [outcome(office, copy) for copy in copies]
    assert found == ["owed"] + ["known F7"] * (len(copies) - 1)
    (sent,) = office.send_all()
    assert milter != "up" or HELP in sent["From"]


def test_a_mail_that_comes_once_for_each_mailbox_is_acknowledged_by_one(start: OpenOne) -> None:
    office = start(TWO)
    raw = letter(to=f"{HELP}, {SALES}")
    first, second = (office.take(raw, recipients=(one,)) for one in (HELP, SALES))
    assert outcome(office, first.copy()) == "owed"
    assert outcome(office, second.copy()) == "known F7"


# The seal.


def changed(taken: Taken, change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> Copy:
    edits = dataclasses.replace(taken.edits, insert=tuple(change(list(taken.edits.insert))))
    return dataclasses.replace(taken, edits=edits).copy(tags=len(edits.insert))


def put(name: str, value: str) -> Callable[[list[tuple[str, str]]], list[tuple[str, str]]]:
    def change(tags: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(each, value if each == name else old) for each, old in tags]

    return change


CHANGES: dict[str, Callable[[list[tuple[str, str]]], list[tuple[str, str]]]] = {
    "another language": put("X-Mailtriage-Language", "pl"),
    "another priority": put("X-Mailtriage-Priority", "low"),
    "a field taken away": lambda tags: [each for each in tags if each[0] != "X-Mailtriage-Kb"],
    "a field too many": lambda tags: [*tags, ("X-Mailtriage-Extra", "1")],
    "a field twice": lambda tags: [tags[1], *tags],
    "another order": lambda tags: [tags[2], *tags[:2], *tags[3:]],
    "no seal": lambda tags: [each for each in tags if each[0] != "X-Mailtriage-Seal"],
    "a seal that says none": put("X-Mailtriage-Seal", "none"),
    "a seal without its signature": lambda tags: [
        (name, re.sub("; mac=.*", "", value)) for name, value in tags
    ],
    "another sender to be answered": lambda tags: [
        (name, value.replace("to=sender", "to=from")) for name, value in tags
    ],
    "letters that only look the same": lambda tags: [
        (name, value.replace("k", "\N{KELVIN SIGN}") if name.endswith("Seal") else value)
        for name, value in tags
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_tags_that_are_not_as_they_were_sealed_are_not_believed(
    office: Office, change: str
) -> None:
    """The desk judges the mail by itself, and finds what is there."""
    taken = office.take(letter())
    assert outcome(office, changed(taken, CHANGES[change])) == "owed"
    (sent,) = office.owed()
    assert (sent["To"], sent["Content-Language"]) == (JOE, "en")
    assert office.query("SELECT language, priority FROM mail") == [("en", "normal")]


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (letter(more="Auto-Submitted: auto-replied"), "nothing"),
        (letter(more="List-Id: <a.example>"), "nothing"),
        (letter(subject="Re: parcel", more="In-Reply-To: <x@y.example>"), "skipped G2"),
    ],
)
def test_a_seal_of_another_mail_lets_no_mail_pass(office: Office, raw: bytes, rule: str) -> None:
    """Whoever has seen the tags of a mail of his may send them with the next one."""
    stolen = office.take(letter(message_id="<other@customer.example>")).edits
    key = office.tokens.dedupe_key(HELP, JOE, b"<m1@customer.example>")
    forged = dataclasses.replace(
        office.take(raw),
        hidden=office.tokens.hidden_recipient(key, "in"),
        edits=dataclasses.replace(stolen, delete=()),
    )
    assert outcome(office, forged.copy(tags=len(stolen.insert))) == rule
    assert office.owed() == []


def test_a_seal_of_another_installation_is_none(office: Office) -> None:
    taken = office.take(letter(more="Auto-Submitted: auto-generated"))
    theirs = dataclasses.replace(office.analyst, tokens=OTHERS)
    other = dataclasses.replace(office, analyst=theirs).take(letter())
    forged = dataclasses.replace(taken, edits=other.edits, hidden=taken.hidden)
    hidden = office.tokens.hidden_recipient(
        office.tokens.dedupe_key(HELP, JOE, b"<m1@customer.example>"), "in"
    )
    copy = dataclasses.replace(forged, hidden=hidden).copy(tags=len(other.edits.insert))
    assert outcome(office, copy) == "nothing"


# Judged by the desk alone.


def test_our_own_received_does_not_move_the_border_of_trust(office: Office) -> None:
    """Postfix hides it from the milter, and so does the desk from the rules: below it stands what
    our border server wrote, and below the next one what anybody wrote."""
    strangers = (
        "Received: from a (b [203.0.113.9])\r\n\tby mx.evil.example with ESMTP id ABCDEF12; x"
    )
    genuine = letter().partition(b"\r\n")
    believed = genuine[0] + b"\r\n" + strangers.encode() + b"\r\n" + genuine[2]
    assert outcome(office, office.take(believed).copy(tags=0)) == "owed"
    forged = strangers.encode() + b"\r\n" + letter(message_id="<m2@customer.example>")
    assert outcome(office, office.take(forged).copy(tags=0)) == "skipped D7"


def test_the_border_holds_for_a_copy_from_the_smtp_door(office: Office) -> None:
    """There is no Postfix that wrote a Received: on top; the door says what it would have said."""
    strangers = (
        b"Received: from a (b [203.0.113.9])\r\n\tby mx.evil.example with ESMTP id ABCDEF12; x\r\n"
    )
    taken = office.take(letter())
    for raw, expected in ((letter(), "owed"), (strangers + letter(), "skipped D7")):
        message = desk_copy(raw, "0a1b2c3d4e5f")
        hidden = office.take(raw).hidden or taken.hidden
        found = outcome(office, Copy(JOE, hidden, message))
        assert found == expected
        office.connection.execute("DELETE FROM mail")


@pytest.mark.parametrize(
    ("client", "found"),
    [
        (Client("127.0.0.1"), "nothing"),
        (Client("192.0.2.9"), "nothing"),
        (Client("198.51.100.7", login="ann"), "nothing"),
        (Client("198.51.100.7"), "owed"),
    ],
)
def test_what_our_own_people_write_to_a_service_mailbox_is_no_request(
    office: Office, client: Client, found: str
) -> None:
    """The sweeper copies it like any other; the milter would have known whom it came from."""
    taken = office.take(letter(), client=client)
    assert outcome(office, taken.swept(office.sweeper(), tagged=False)) == found


def test_a_robot_leads_to_nothing_by_whatever_way(office: Office) -> None:
    taken = office.take(letter(more="Auto-Submitted: auto-generated"))
    assert taken.hidden == ""
    for tagged in (True, False):
        assert outcome(office, taken.swept(office.sweeper(), tagged=tagged)) == "nothing"
    assert office.mails() == []


@pytest.mark.parametrize("tags", [None, 0], ids=["sealed", "judged by the desk"])
def test_an_alias_is_judged_as_itself(start: OpenOne, tags: int | None) -> None:
    """abuse@ is another name of help@ here, and nobody answers what goes to abuse@ (rule E7)."""
    office = start(BASE + '[mailboxes."help@desk.example"]\naliases = ["abuse@desk.example"]\n')
    taken = office.take(letter(to="abuse@desk.example"), recipients=("abuse@desk.example",))
    assert taken.tags["X-Mailtriage-Ack-Rule"] == "e7"
    assert outcome(office, taken.copy(tags=tags)) == "skipped E7"


def test_a_catch_all_stays_a_catch_all(start: OpenOne) -> None:
    office = start(BASE + '[mailboxes."*@desk.example"]\nfrom = "help@desk.example"\n')
    taken = office.take(letter(to="any@desk.example"), recipients=("any@desk.example",))
    assert taken.tags["X-Mailtriage-Ack-Rule"] == "e4"
    assert (
        outcome(office, taken.swept(office.sweeper("*@desk.example"), tagged=False)) == "skipped E4"
    )


def test_a_mail_without_message_id_whose_body_is_cut_finds_its_mailbox_by_any_address(
    start: OpenOne,
) -> None:
    office = start(TWO)
    raw = letter(MULTIPART, message_id="", to=f"ann@other.example, {SALES}", more=WITH_PHOTO)
    taken = office.take(raw, recipients=(SALES,))
    assert outcome(office, only_text(taken.copy(tags=0))) == "owed"
    (sent,) = office.owed()
    assert SALES in sent["From"]


# Too late, or not to be made.


@pytest.mark.parametrize("tags", [None, 0], ids=["sealed", "judged by the desk"])
def test_a_mail_of_two_hours_ago_is_not_acknowledged_any_more(
    office: Office, tags: int | None
) -> None:
    """The desk was down; a "we have got your mail" now is worse than none (rule J26)."""
    taken = office.take(letter())
    then = re.search(r"at=(\d+)", taken.tags["X-Mailtriage-Seal"])
    assert then
    received = float(then[1])
    assert outcome(office, taken.copy(tags=tags), now=received + 7200) == "owed"
    assert office.send_all(received + 7200) == []
    assert office.rows() == [("EXPIRED", "J26")]


def test_a_clock_that_runs_ahead_promises_nothing_from_the_future(office: Office) -> None:
    taken = office.take(letter())
    then = re.search(r"at=(\d+)", taken.tags["X-Mailtriage-Seal"])
    assert then
    for tags in (None, 0):
        outcome(office, taken.copy(tags=tags), now=float(then[1]) - 3600)
    assert office.query("SELECT created FROM outbox") == [(float(then[1]) - 3600,)]


def test_what_cannot_be_composed_is_told_once_and_never_tried_again(
    start: OpenOne,
) -> None:
    office = start(BASE + '[mailboxes."help@desk.example"]\nfrom = "hjälp@desk.example"\n')
    taken = office.take(letter())
    found = office.deliver(taken.copy())
    assert found.level == "error"
    assert (found.fields["outcome"], found.fields["rule"]) == ("skipped", "J22")
    assert "cannot send mail" in str(found.fields["why"])
    assert "@" not in str(found.fields["why"]).replace("<address>", "")
    assert office.query("SELECT rule, announced FROM mail") == [("J22", "skipped")]
    assert outcome(office, taken.copy()) == "known F7"


# Modes.


@pytest.mark.parametrize(
    ("mode", "announced", "rows"),
    [
        ("send", "sent", [("READY", "")]),
        ("deferred", "sent", [("WAITING", "")]),
        ("delegate", "delegated", []),
        ("off", "none", []),
    ],
)
@pytest.mark.parametrize("tags", [None, 0], ids=["sealed", "judged by the desk"])
def test_the_mode_of_the_mailbox(
    start: OpenOne, mode: str, announced: str, rows: list[Any], tags: int | None
) -> None:
    office = start(f'{ONE_MAILBOX}ack = "{mode}"\n')
    taken = office.take(letter())
    assert taken.tags["X-Mailtriage-Ack"] == announced
    office.deliver(taken.copy(tags=tags))
    assert office.rows() == rows
    assert office.query("SELECT announced FROM mail") == [(announced,)]


# What is logged.


def values(found: Any) -> Iterator[str]:
    for value in found.fields.values():
        yield str(value)


@pytest.mark.parametrize(
    "raw",
    [
        letter(subject="Geheimnis 4711"),
        letter(subject="Re: Geheimnis 4711", more="In-Reply-To: <geheim@y.example>"),
        letter(sender="geheim@bank.example"),
        letter(subject="Geheimnis 4711", to="geheim@desk.example"),
        letter(more="X-Loop: geheim@desk.example"),
    ],
)
@pytest.mark.parametrize("tags", [None, 0])
def test_nothing_private_is_logged(office: Office, raw: bytes, tags: int | None) -> None:
    found = office.deliver(office.take(raw).copy(tags=tags))
    assert found.fields.keys() <= {"event", "outcome", "rule", "detail", "why"}
    for value in values(found):
        assert re.fullmatch(r"[A-Za-z0-9.-]{1,30}", value), value


def test_no_server_of_ours_says_who_sent_it_which_somebody_should_look_at(office: Office) -> None:
    raw = letter().partition(b"\r\n")[2]
    found = office.deliver(office.take(raw).copy())
    assert (found.level, found.fields["rule"]) == ("warning", "D7")


# Complaints.


def complaint(about: EmailMessage, named: str, *, headers_only: bool = False) -> bytes:
    """RFC 5965, with the mail complained about in its third part."""
    kind = "text/rfc822-headers" if headers_only else "message/rfc822"
    body = "" if headers_only else "\r\nHello,\r\n"
    head = "".join(f"{name}: {value}\r\n" for name, value in about.items())
    return (
        "Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom=big.example\r\n"
        "From: <fbl@big.example>\r\nTo: help@desk.example\r\nSubject: complaint\r\n"
        "Date: Mon, 23 Nov 2026 09:00:00 +0100\r\nMessage-ID: <fbl1@big.example>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n"
        f"User-Agent: x/1\r\nVersion: 1\r\n{named}"
        f"--b\r\nContent-Type: {kind}\r\n\r\n{head}{body}--b--\r\n"
    ).encode()


def acknowledged(office: Office) -> EmailMessage:
    outcome(office, office.take(letter()).copy())
    (sent,) = office.send_all()
    return sent


def next_mail(office: Office, sender: str = JOE, message_id: str = "<m9@customer.example>") -> str:
    """What becomes of the next request of the same customer, after the cool-down."""
    taken = office.take(letter(sender=sender, message_id=message_id), sender=sender)
    return taken.tags["X-Mailtriage-Ack-Rule"]


NAMED = "Original-Rcpt-To: <joe@customer.example>\r\n"


@pytest.mark.parametrize("sender", ["fbl@big.example", ""], ids=["a sender", "null sender"])
@pytest.mark.parametrize(
    ("named", "headers_only"),
    [
        (NAMED, False),
        (NAMED, True),
        ("Final-Recipient: rfc822; Joe@Customer.Example\r\n", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("tags", [None, 0], ids=["sealed", "judged by the desk"])
def test_whoever_complains_is_not_answered_again(
    start: OpenOne, sender: str, named: str, headers_only: bool, tags: int | None
) -> None:
    office = start(ONE_MAILBOX + '[ack.limits]\ncool_down = "0s"\n')
    sent = acknowledged(office)
    assert next_mail(office) == "none"
    taken = office.take(complaint(sent, named, headers_only=headers_only), sender=sender)
    assert taken.tags["X-Mailtriage-Ack"] == "skipped"
    found = office.deliver(taken.copy(tags=tags))
    assert (found.level, found.fields) == ("warning", {"event": "complaint"})
    assert next_mail(office) == "a8"


def test_a_complaint_without_the_type_of_a_report_counts_too(start: OpenOne) -> None:
    office = start(ONE_MAILBOX + '[ack.limits]\ncool_down = "0s"\n')
    raw = complaint(acknowledged(office), NAMED).replace(
        b"multipart/report; report-type=feedback-report;", b"multipart/mixed;"
    )
    assert office.deliver(office.take(raw, sender="fbl@big.example").copy()).fields == {
        "event": "complaint"
    }
    assert next_mail(office) == "a8"


def forge(sent: EmailMessage, name: str, value: str) -> EmailMessage:
    del sent[name]
    sent[name] = value
    return sent


def test_a_forged_complaint_leads_to_nothing(start: OpenOne) -> None:
    office = start(ONE_MAILBOX + '[ack.limits]\ncool_down = "0s"\n')
    sent = acknowledged(office)
    mary = "mary@other.example"
    not_ours = OTHERS.ack_message_id(bytes(16), "desk.example")
    for raw in (
        complaint(forge(sent, "Message-ID", not_ours), NAMED),
        complaint(forge(sent, "Message-ID", "<any@desk.example>"), NAMED),
        letter("Original-Rcpt-To: joe@customer.example\n", more="X-ARF: yes"),
    ):
        assert outcome(office, office.take(raw, sender="fbl@big.example").copy()) == "nothing"
    # One's own acknowledgement is no weapon against somebody else.
    raw = complaint(acknowledged_again(office), f"Original-Rcpt-To: {mary}\r\n").replace(
        b"To: joe@customer.example", b"To: mary@other.example"
    )
    assert outcome(office, office.take(raw, sender="fbl@big.example").copy()) == "nothing"
    assert (next_mail(office), next_mail(office, mary)) == ("none", "none")


def acknowledged_again(office: Office) -> EmailMessage:
    outcome(office, office.take(letter(message_id="<m2@customer.example>", subject="b")).copy())
    (sent,) = office.send_all()
    return sent


# The limits count at the desk, whose view is exact.


def test_three_at_once_are_one_acknowledgement(office: Office) -> None:
    """The doors saw nothing of the others when they said that each would be answered."""
    several = [
        office.take(letter(message_id=f"<m{number}@customer.example>")) for number in range(3)
    ]
    assert {taken.tags["X-Mailtriage-Ack"] for taken in several} == {"sent"}
    assert [outcome(office, taken.copy()) for taken in several] == [
        "owed",
        "skipped F2",
        "skipped F2",
    ]


def test_a_reply_belongs_to_its_conversation(office: Office) -> None:
    sent = acknowledged(office)
    reply = letter(
        message_id="<m2@customer.example>",
        subject=f"Re: {sent['Subject']}",
        more=f"In-Reply-To: {sent['Message-ID']}\nReferences: {sent['References']} {sent['Message-ID']}",
    )
    for tags in (None, 0):
        taken = office.take(reply)
        assert outcome(office, taken.copy(tags=tags)) in ("skipped F2", "skipped G1", "known F7")
    assert office.query("SELECT count(*) FROM conversation") == [(1,)]
