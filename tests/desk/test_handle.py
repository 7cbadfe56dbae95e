"""What follows from a hidden copy: one acknowledgement for one mail, whatever way its copies take."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import permutations
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.desk.copy import Copy
from tests.support.office import (
    HELP,
    JOE,
    ONE_MAILBOX,
    Office,
    Taken,
    letter,
    letter_with_photo,
    only_headers,
    only_text,
    open_office,
)

OpenOne = Callable[..., Office]
OTHERS = Tokens(b"the secret of somebody else, also long enough")


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


# One mail, one acknowledgement.


def test_a_mail_is_acknowledged_to_who_wrote_it(office: Office) -> None:
    taken = office.take(letter())
    assert taken.tags["X-Mailtriage-Ack"] == "sent"
    assert office.outcome(taken.copy()) == "owed"
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
    raw = letter(**kind) if plain else letter_with_photo(**kind)
    taken = office.take(raw, queue_id="4C00AA01z")
    copy = by_all_ways(taken, office)[way]
    assert office.outcome(copy) == "owed"
    (sent,) = office.send_all()
    assert sent["To"] == JOE
    assert office.outcome(copy) == "known F7", "Postfix brings it again without our 250"
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
    raw = letter(**kind) if filtered == "headers" else letter_with_photo(**kind)
    for number, order in enumerate(permutations((0, 1))):
        directory = tmp_path / str(number)
        directory.mkdir()
        with open_office(directory, toml) as office:
            taken = office.take(raw, queue_id="4C00AA01z")
            copies = (taken.copy(tags=tags), taken.swept(office.sweeper(), tagged=tags != 0))
            for which in order:
                office.outcome(cut(copies[which]))
            assert len(office.send_all()) == 1
            assert len(office.mails()) == 1


@pytest.mark.parametrize("kind", IDS, ids=ID_NAMES)
def test_a_client_that_lost_the_answer_sends_it_again(start: OpenOne, kind: dict[str, str]) -> None:
    """Two mails for the helpdesk, with another queue id each; one acknowledgement (RFC 1047)."""
    office = start(ONE_MAILBOX + '[ack.limits]\ncool_down = "0s"\n')
    for queue_id, found in (("4C00AA01z", "owed"), ("4C00BB02z", "known F7")):
        again = {name: id_.replace("4C00AA01z", queue_id) for name, id_ in kind.items()}
        taken = office.take(letter(**again), queue_id=queue_id)
        assert office.outcome(taken.copy()) == found
    assert office.rows() == [("READY", "")]


def test_whoever_copies_a_message_id_is_judged_on_his_own(office: Office) -> None:
    assert office.outcome(office.take(letter()).copy()) == "owed"
    mary = "mary@other.example"
    taken = office.take(letter(sender=mary), sender=mary)
    assert office.outcome(taken.copy()) == "owed"
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
    found = [office.outcome(copy) for copy in copies]
    assert found == ["owed"] + ["known F7"] * (len(copies) - 1)
    (sent,) = office.send_all()
    assert milter != "up" or HELP in sent["From"]


def test_a_mail_that_comes_once_for_each_mailbox_is_acknowledged_by_one(start: OpenOne) -> None:
    office = start(TWO)
    raw = letter(to=f"{HELP}, {SALES}")
    first, second = (office.take(raw, recipients=(one,)) for one in (HELP, SALES))
    assert office.outcome(first.copy()) == "owed"
    assert office.outcome(second.copy()) == "known F7"


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
    assert office.outcome(changed(taken, CHANGES[change])) == "owed"
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
    assert office.outcome(forged.copy(tags=len(stolen.insert))) == rule
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
    assert office.outcome(copy) == "nothing"
