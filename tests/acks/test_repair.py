"""Reply repair: who answers our acknowledgement gets back into the ticket, and nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtriage.acks.repair import MOST_REFERENCES
from mailtriage.acks.tokens import Tokens
from tests.support.milter_wire import Sample
from tests.support.office import HELP, JOE, ONE_MAILBOX, Office, letter, open_office

OTHERS = Tokens(b"the secret of somebody else, also long enough")
REPAIRING = ONE_MAILBOX + 'repair = "headers"\n'
ORIGINAL = "<m1@customer.example>"
Fields = list[tuple[str, str]]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """One whose helpdesk wants the Message-ID that it knows."""
    with open_office(tmp_path, REPAIRING) as office:
        yield office


def acknowledgement(office: Office, **mail: str) -> str:
    """The Message-ID of the acknowledgement of Joe's mail."""
    office.deliver(office.take(letter(**mail)).copy())
    (sent,) = office.send_all()
    return str(sent["Message-ID"])


def threading(office: Office, raw: bytes, **envelope: str) -> Fields:
    """In-Reply-To and References as the helpdesk sees them, by the milter's edits."""
    edits = office.take(raw, sender=envelope.get("sender", JOE)).edits
    header = [(n.decode(), v.decode()) for n, v in Sample.parse(raw).headers]
    for deletion in edits.delete:
        same = [at for at, (name, _) in enumerate(header) if name.lower() == deletion.name.lower()]
        del header[same[deletion.index - 1]]
    wanted = ("in-reply-to", "references")
    return [field for field in (*edits.insert, *header) if field[0].lower() in wanted]


def reply(more: str, **mail: str) -> bytes:
    return letter(
        **{
            "message_id": "<m2@customer.example>",
            "subject": "Re: Where is my parcel?",
            "more": more,
        }
        | mail
    )


def repaired(*references: str) -> Fields:
    return [("In-Reply-To", ORIGINAL), ("References", " ".join((ORIGINAL, *references)))]


def test_an_answer_to_the_acknowledgement_names_the_mail_that_the_helpdesk_knows(
    office: Office,
) -> None:
    ours = acknowledgement(office)
    raw = reply(f"In-Reply-To: {ours}\nReferences: {ORIGINAL} {ours}")
    assert threading(office, raw) == repaired(ours)


@pytest.mark.parametrize(
    "more",
    [
        "In-Reply-To: {ours}",
        "References: {ours}",
        "references: {ours}\nIN-REPLY-TO: {ours}",
        "In-Reply-To: {ours}\nIn-Reply-To: {ours}\nReferences: {ours}\nReferences: {ours}",
        "References: {ours}\n\t{ours}",
        "In-Reply-To: Your message of today ({ours})",
    ],
)
def test_however_the_answer_names_it(office: Office, more: str) -> None:
    ours = acknowledgement(office)
    assert threading(office, reply(more.format(ours=ours))) == repaired(ours)


def test_what_else_it_names_stays(office: Office) -> None:
    ours = acknowledgement(office)
    raw = reply(
        f"In-Reply-To: <a2@desk.example>\nReferences: <a1@desk.example> {ours} <a2@desk.example>"
    )
    assert threading(office, raw) == repaired("<a1@desk.example>", ours, "<a2@desk.example>")


def test_a_long_thread_stays_one_line(office: Office) -> None:
    ours = acknowledgement(office)
    many = [f"<{number}{'x' * 60}@customer.example>" for number in range(60)]
    raw = reply(f"References: {' '.join(many)} {ours}\nIn-Reply-To: {ours}")
    (_, in_reply_to), (_, references) = threading(office, raw)
    assert in_reply_to == ORIGINAL
    assert MOST_REFERENCES - 100 < len(references) <= MOST_REFERENCES
    assert references.split()[0] == ORIGINAL
    assert references.split()[-2:] == [many[-1], ours]


UNTOUCHED = [("In-Reply-To", "{ours}"), ("References", "{ours}")]
BOTH = "In-Reply-To: {ours}\nReferences: {ours}"


def assert_untouched(office: Office, ours: str, raw: bytes, **envelope: str) -> None:
    expected = [(name, value.format(ours=ours)) for name, value in UNTOUCHED]
    assert threading(office, raw, **envelope) == expected


@pytest.mark.parametrize("toml", [ONE_MAILBOX, ONE_MAILBOX + 'repair = "off"\n'])
def test_only_where_the_mailbox_asks_for_it(tmp_path: Path, toml: str) -> None:
    with open_office(tmp_path, toml) as office:
        ours = acknowledgement(office)
        assert_untouched(office, ours, reply(BOTH.format(ours=ours)))
        assert office.query("SELECT original_id FROM ack") == [("",)], "nor is it kept"


def test_it_does_not_depend_on_what_subjects_say(tmp_path: Path) -> None:
    with open_office(tmp_path, REPAIRING + '[ack]\nrepeat_subject = "never"\n') as office:
        ours = acknowledgement(office)
        assert threading(office, reply(BOTH.format(ours=ours))) == repaired(ours)


@pytest.mark.parametrize(
    "forge",
    [
        lambda ours, key: OTHERS.ack_message_id(key, "desk.example"),
        lambda ours, key: ours.replace(ours[10], "a" if ours[10] != "a" else "b"),
        lambda ours, key: "<m1@customer.example>",
    ],
    ids=["of another secret", "a letter changed", "the original itself"],
)
def test_only_for_an_acknowledgement_of_ours(office: Office, forge: object) -> None:
    ours = acknowledgement(office)
    key = office.tokens.read_ack_message_id(ours)
    assert callable(forge)
    forged = forge(ours, key)
    assert_untouched(office, forged, reply(BOTH.format(ours=forged)))


def test_only_for_who_was_acknowledged(office: Office) -> None:
    """Whoever else has seen the acknowledgement gets into nobody's ticket by it."""
    ours = acknowledgement(office)
    mary = "mary@other.example"
    assert_untouched(office, ours, reply(BOTH.format(ours=ours), sender=mary), sender=mary)


@pytest.mark.parametrize(
    "results",
    [
        "mx.desk.example; spf=fail smtp.mailfrom=joe@customer.example",
        "mx.desk.example; spf=softfail smtp.mailfrom=joe@customer.example",
        "mx.desk.example; spf=pass smtp.mailfrom=joe@customer.example; dmarc=fail header.from=customer.example",
        "mx.evil.example; spf=pass smtp.mailfrom=joe@customer.example",
    ],
)
def test_only_for_who_is_authenticated(office: Office, results: str) -> None:
    ours = acknowledgement(office)
    raw = reply(BOTH.format(ours=ours)).partition(b"\r\n")[2]
    assert_untouched(office, ours, f"Authentication-Results: {results}\r\n".encode() + raw)


def test_not_when_the_acknowledgement_is_forgotten(office: Office) -> None:
    ours = acknowledgement(office)
    office.store.purge(4e9, 1.0)
    assert_untouched(office, ours, reply(BOTH.format(ours=ours)))


@pytest.mark.parametrize(
    "message_id",
    ["", "<ä@customer.example>", f"<{'x' * 300}@customer.example>", "<a =?b?= @c.example>"],
)
def test_a_message_id_that_no_field_should_have_is_not_put_into_one(
    office: Office, message_id: str
) -> None:
    ours = acknowledgement(office, message_id=message_id)
    assert_untouched(office, ours, reply(BOTH.format(ours=ours)))


def test_other_mail_is_left_alone(office: Office) -> None:
    acknowledgement(office)
    assert threading(office, letter(message_id="<m3@customer.example>")) == []
    assert office.take(letter(message_id="<m4@customer.example>", to=HELP)).edits.delete == ()
