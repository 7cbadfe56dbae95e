"""Corrections by mail: who may send them, and which mail is meant.

The mails that are corrected come through the milter, and so do those that correct them.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.acks.returns import Return
from mailtriage.desk.copy import Copy
from mailtriage.desk.feedback_mail import Corrections
from mailtriage.state.feedback import feedback_file, open_feedback
from mailtriage.state.history_schema import COLUMNS
from mailtriage.state.history_writer import HistoryWriter
from tests.state.test_history import row
from tests.support.corrections import (
    AGENT,
    M1,
    MACHINE,
    OURS,
    SKILL,
    STRANGER,
    Corrected,
    forward,
    resent,
)
from tests.support.office import (
    HELP,
    JOE,
    ONE_MAILBOX,
    Office,
    letter,
    only_text,
    open_office,
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    toml = f'[state]\nurl = "sqlite://{tmp_path}/state.db"\n{ONE_MAILBOX}'
    with open_office(tmp_path, toml) as opened:
        yield opened


@pytest.fixture
def corrected(office: Office) -> Corrected:
    return Corrected(office)


# Which mail is meant.


def test_the_mail_that_is_attached(corrected: Corrected) -> None:
    mail = forward(corrected.address(), letter(), header="References: <m2@customer.example>")
    (one,) = corrected.prepared(corrected.copy(mail))
    assert one.message == corrected.office.tokens.pseudonym("message-id", M1)
    assert (one.facet, one.value, one.source) == ("skill", "billing", "mail")


def test_all_that_are_attached(corrected: Corrected) -> None:
    several = [letter(message_id=f"<m{n}@customer.example>") for n in range(1, 5)]
    found = corrected.ids(corrected.copy(forward(corrected.address(), *several)))
    assert found == ["m1", "m2", "m3", "m4"]


def test_fifty_at_most_and_each_once(corrected: Corrected) -> None:
    several = [letter(message_id=f"<m{n}@customer.example>") for n in range(70)]
    assert len(corrected.ids(corrected.copy(forward(corrected.address(), *several)))) == 50
    same = [letter()] * 20
    assert corrected.ids(corrected.copy(forward(corrected.address(), *same))) == ["m1"]


def test_the_mail_that_is_redirected(corrected: Corrected) -> None:
    mail = resent(corrected.address(), letter())
    assert corrected.ids(corrected.copy(mail, sender=AGENT)) == ["m1"]


def test_of_a_redirected_mail_neither_its_thread_nor_its_attachments_are_meant(
    corrected: Corrected,
) -> None:
    with_another = forward("help@desk.example", letter(message_id="<m5@customer.example>"))
    with_another = with_another.replace(b"<forward@desk.example>", M1.encode())
    threaded = letter(more="In-Reply-To: <m7@customer.example>")
    for mail in (with_another, threaded):
        assert corrected.ids(corrected.copy(resent(corrected.address(), mail))) == ["m1"]


def test_what_sieve_redirects_names_us_nowhere_and_is_meant_itself(corrected: Corrected) -> None:
    mail = letter(more="In-Reply-To: <m7@customer.example>")
    assert corrected.ids(corrected.copy(mail, sender=JOE)) == ["m1"]


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        ("In-Reply-To: <m1@customer.example>", ["m1"]),
        (
            "References: <m3@customer.example> <m2@customer.example>\r\n <m1@customer.example>",
            ["m1"],
        ),
        (
            (
                "References: <m3@customer.example> <m1@customer.example>\r\n"
                "In-Reply-To: <m2@customer.example>"
            ),
            ["m2"],
        ),
        (
            (
                "X-Forwarded-Message-Id: <m1@customer.example> <m2@customer.example>\r\n"
                "References: <m3@customer.example>"
            ),
            ["m1", "m2"],
        ),
        ("", []),
        ("In-Reply-To: nonsense", []),
    ],
)
def test_what_is_forwarded_inline_is_named_in_the_header(
    corrected: Corrected, header: str, meant: list[str]
) -> None:
    assert corrected.ids(corrected.copy(forward(corrected.address(), header=header))) == meant


def test_a_copy_without_its_attachments_still_names_the_mails(corrected: Corrected) -> None:
    photo = "\r\n".join(["/9j/4AAQSkZJRgABAQAAAQABAAD" + "w7P8A" * 9 + "zg"] * 40)
    mail = forward(corrected.address(), letter(f"Hello,\n{photo}\n"))
    assert corrected.ids(only_text(corrected.copy(mail))) == ["m1"]


def test_an_attached_mail_without_a_message_id_cannot_be_known_again(corrected: Corrected) -> None:
    mail = forward(corrected.address(), letter(message_id=""))
    assert corrected.prepared(corrected.copy(mail)) == ()


# What we had said.


def test_what_was_said_stands_under_our_seal(corrected: Corrected) -> None:
    tagged = corrected.office.take(letter())
    mail = forward(corrected.address(), tagged.message)
    (one,) = corrected.prepared(corrected.copy(mail))
    assert one.said == tagged.tags["X-Mailtriage-Skill"]


def test_a_tag_that_was_changed_says_nothing(corrected: Corrected) -> None:
    tagged = corrected.office.take(letter())
    said = tagged.tags["X-Mailtriage-Skill"].encode()
    changed = tagged.message.replace(b"Skill: " + said, b"Skill: sales")
    assert changed != tagged.message
    (one,) = corrected.prepared(corrected.copy(forward(corrected.address(), changed)))
    assert one.said == ""


def test_else_it_stands_in_the_history_under_the_queue_id(
    corrected: Corrected, tmp_path: Path
) -> None:
    tagged = corrected.office.take(letter(), queue_id="4Wx0ab1cd2z3ef", at=1_795_500_000.0)
    with closing(HistoryWriter(tmp_path / "history.db")) as history:
        values = dict(zip(COLUMNS, row(queue_id="4Wx0ab1cd2z3ef", skill="returns"), strict=True))
        history.add([list(values.values())])
    mail = forward(corrected.address(), tagged.untouched)
    (one,) = corrected.prepared(corrected.copy(mail))
    assert one.said == "returns"


def test_a_queue_id_that_was_used_again_says_nothing(corrected: Corrected, tmp_path: Path) -> None:
    tagged = corrected.office.take(letter(), queue_id="4Wx0ab1cd2z3ef", at=1_795_500_000.0)
    with closing(HistoryWriter(tmp_path / "history.db")) as history:
        history.add([row(queue_id="4Wx0ab1cd2z3ef", at=1_795_600_000.0)])
    (one,) = corrected.prepared(corrected.copy(forward(corrected.address(), tagged.untouched)))
    assert one.said == ""


def test_else_the_conversation_remembers_it(corrected: Corrected) -> None:
    taken = corrected.office.take(letter())
    corrected.office.deliver(taken.copy())
    mail = forward(corrected.address(), header=f"In-Reply-To: {M1}")
    (one,) = corrected.prepared(corrected.copy(mail))
    assert one.said == taken.tags["X-Mailtriage-Skill"]


def test_in_a_conversation_of_several_mails_nobody_can_tell(corrected: Corrected) -> None:
    for number, more in ((1, ""), (2, f"In-Reply-To: {M1}")):
        mail = letter(message_id=f"<m{number}@customer.example>", more=more)
        corrected.office.deliver(corrected.office.take(mail).copy())
    mail = forward(corrected.address(), header=f"In-Reply-To: {M1}")
    (one,) = corrected.prepared(corrected.copy(mail))
    assert one.said == ""


# Who may.


def test_what_strangers_send_changes_nothing_however_good_the_signature(
    corrected: Corrected,
) -> None:
    mail = forward(corrected.address(), letter())
    assert corrected.ids(corrected.copy(mail)) == ["m1"]
    assert corrected.ids(corrected.copy(mail, client=STRANGER)) == []


def test_who_logged_in_is_one_of_ours_from_anywhere(corrected: Corrected) -> None:
    login = dataclasses.replace(STRANGER, login="ann")
    assert corrected.ids(corrected.copy(forward(corrected.address(), letter()), client=login)) == [
        "m1"
    ]


def test_a_stranger_does_not_become_ours_by_a_filter_on_this_machine(corrected: Corrected) -> None:
    """Postfix hands the mail to the filter, which hands it back: from 127.0.0.1."""
    mail = forward(corrected.address(), letter())
    at_the_border = corrected.copy(mail, client=STRANGER).message
    by_filter = (
        b"Received: from post.desk.example ([127.0.0.1])\r\n"
        b"\tby localhost (post.desk.example [127.0.0.1]) (amavisd-new, port 10024)\r\n"
        b"\twith ESMTP id aB3dE5gH7; Mon, 23 Nov 2026 09:00:00 +0100 (CET)\r\n"
    )
    for raw in (by_filter + at_the_border, at_the_border):
        assert corrected.ids(corrected.copy(raw, client=MACHINE)) == []
    ours = corrected.copy(mail).message
    assert corrected.ids(corrected.copy(by_filter + ours, client=MACHINE)) == ["m1"]


def test_a_helpdesk_on_this_machine_is_ours(corrected: Corrected) -> None:
    assert corrected.ids(
        corrected.copy(forward(corrected.address(), letter()), client=MACHINE)
    ) == ["m1"]


def test_a_received_that_the_sender_wrote_helps_nobody(corrected: Corrected) -> None:
    forged = (
        b"Received: from x (x [192.0.2.9])\r\n\tby post.desk.example (Postfix) with ESMTPSA id 4Wx\r\n"
        b"\tfor <a@b.example>; Mon, 23 Nov 2026 09:00:00 +0100 (CET)\r\n"
    )
    mail = forged + forward(corrected.address(), letter())
    assert corrected.ids(corrected.copy(mail, client=STRANGER)) == []


def test_without_a_received_nobody_is_ours(corrected: Corrected) -> None:
    copy = Copy(AGENT, corrected.address(), forward(corrected.address(), letter()))
    assert corrected.ids(copy) == []


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; type=x",
        "Precedence: bulk",
        "List-Id: <team.desk.example>",
    ],
)
def test_what_a_machine_sends_there_is_ignored(corrected: Corrected, header: str) -> None:
    mail = forward(corrected.address(), letter(), header=header)
    assert corrected.ids(corrected.copy(mail)) == []


def test_our_own_mail_is_ignored(corrected: Corrected) -> None:
    """It does not pass the milter."""
    copy = corrected.copy(forward(corrected.address(), letter()))
    marked = copy.message.replace(b"Subject:", b"X-Mailtriage-Loop: x.y\r\nSubject:", 1)
    assert corrected.ids(copy) == ["m1"]
    assert corrected.ids(dataclasses.replace(copy, message=marked)) == []


def test_a_bounce_is_ignored(corrected: Corrected) -> None:
    assert corrected.ids(corrected.copy(forward(corrected.address(), letter()), sender="")) == []


def test_a_newsletter_may_be_redirected_but_not_what_answers_by_itself(
    corrected: Corrected,
) -> None:
    news = letter(more="List-Id: <news.shop.example>\r\nPrecedence: bulk")
    assert corrected.ids(corrected.copy(resent(corrected.address(), news))) == ["m1"]
    robot = letter(more="Auto-Submitted: auto-replied")
    assert corrected.ids(corrected.copy(resent(corrected.address(), robot))) == []


@pytest.mark.parametrize(
    ("facet", "value", "kept"),
    [
        ("skill", "billing", "billing"),
        ("skill", "general", "general"),
        ("skill", "abolished", ""),
        ("priority", "urgent", "urgent"),
        ("priority", "soon", ""),
        ("language", "pt-br", "pt"),
        ("language", "no", "nb"),
        ("language", "xx", ""),
        ("answer", "good", "good"),
        ("answer", "refund-late", "refund-late"),
        ("mood", "negative", ""),
    ],
)
def test_only_what_there_is_can_be_said(
    corrected: Corrected, facet: str, value: str, kept: str
) -> None:
    what = Return("correction", facet=facet, value=value)
    mail = forward(corrected.address(what), letter())
    found = corrected.prepared(corrected.copy(mail, what=what))
    assert [one.value for one in found] == ([kept] if kept else [])


# What is kept.


def test_it_is_written_and_holds_nothing_of_anybody(corrected: Corrected, tmp_path: Path) -> None:
    found = corrected.desk.prepare(
        corrected.copy(forward(corrected.address(), letter())), SKILL, 2e9
    )
    assert isinstance(found, Corrections)
    assert corrected.desk.write(found) == 1
    assert corrected.desk.write(found) == 1  # Postfix brought it again
    file = feedback_file(tmp_path / "state.db")
    feedback = open_feedback(file)
    assert feedback is not None
    with feedback:
        assert feedback.corrections() == list(found.rows)
        assert feedback.written() == {("skill", "mail"): 1}
    for word in (b"joe", b"ann", b"customer", b"desk.example", b"parcel"):
        assert word not in file.read_bytes()


def test_its_time_is_that_of_the_mail_not_of_its_delivery(corrected: Corrected) -> None:
    """Of two corrections that waited in the queue the later one counts, whichever comes first."""
    address = corrected.address()
    taken = corrected.office.take(
        forward(address, letter()),
        sender=AGENT,
        recipients=(address,),
        client=OURS,
        at=1_795_500_000.0,
    )
    (one,) = corrected.prepared(Copy(AGENT, address, taken.message))
    assert one.at == 1_795_500_000.0


def test_the_milter_leaves_such_a_mail_as_it_is(corrected: Corrected) -> None:
    mail = forward(corrected.address(), letter())
    taken = corrected.office.take(
        mail, sender=AGENT, recipients=(corrected.address(),), client=OURS
    )
    assert taken.hidden == ""
    assert taken.message.endswith(mail)
    assert HELP.encode() in mail
