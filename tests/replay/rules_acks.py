"""What must hold of acknowledgements: one function a rule, which returns what breaks it.

The letters and numbers are those of docs/acknowledgements.md and of the RFCs named there.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.replay.letters import ANSWERED, Kind
from tests.replay.record import Arrival, Left, Record
from tests.replay.simulated import HOUR, is_open, local

COOL_DOWN: Final = 300.0
STALE: Final = 1800.0
MOST_TO_A_ROBOT: Final = 3
"""Two with one subject in three hours (F3), and one more after a change of the subject."""
_SENTENCE: Final = 25
"""Characters of a sentence of the customer that are looked for."""
_MACHINES: Final[tuple[Kind, ...]] = ("bounce", "newsletter", "list", "vacation")
_REPLIES: Final[tuple[Kind, ...]] = ("chaser", "more", "thanks")


def one_ack_a_mail(record: Record) -> Iterator[str]:
    """E5, F7, J5: never two for the same mail, also when it comes twice."""
    for about, many in Counter(ack.about for ack in record.of("ack")).items():
        if many > 1:
            yield f"{many} acknowledgements of {about}"


def one_ack_a_conversation(record: Record) -> Iterator[str]:
    """F1, G1, G4: a matter is acknowledged once, however often the customer writes."""
    matters = Counter(
        arrival.letter.matter
        for ack in record.of("ack")
        if (arrival := record.by_id.get(ack.about)) is not None
    )
    for matter, many in matters.items():
        if many > 1:
            yield f"{many} acknowledgements in the conversation of {matter}"


def every_first_mail_acknowledged(record: Record) -> Iterator[str]:
    """F10: who writes, authenticated, about something new is acknowledged, once; but for those whose
    server refuses our mail (A8), within the cool-down (F2), and whom the model takes for a machine:
    of these `rules_desk.people_are_seen_as_people` allows few."""
    acks = Counter(one.about for one in record.left if one.what == "ack" and not one.reply)
    refused = {one.to for one in record.left if one.reply.startswith("5")}
    last: dict[str, float] = {}
    for arrival in record.arrivals:
        letter = arrival.letter
        if letter.kind != "first" or letter.sender in refused or not is_seen_as_human(arrival):
            continue
        soon = arrival.at - last.get(letter.sender, 0.0) < COOL_DOWN
        if acks[letter.message_id] != 1 and not soon:
            yield f"{acks[letter.message_id]} acknowledgements of {_named(arrival)}"
        if acks[letter.message_id]:
            last[letter.sender] = arrival.at


def only_known_mail_is_acknowledged(record: Record) -> Iterator[str]:
    """I1, I5: each goes to the reverse-path of a mail that came in, and to nobody else."""
    for ack in record.of("ack"):
        arrival = record.by_id.get(ack.about)
        if arrival is None:
            yield f"an acknowledgement of no mail: {ack.about!r}"
        elif ack.delivery.recipients != (arrival.letter.sender,):
            yield f"the acknowledgement of {_named(arrival)} went to {ack.delivery.recipients}"


def nothing_to_the_unauthenticated(record: Record) -> Iterator[str]:
    """D3, D4: neither an acknowledgement nor anything later."""
    yield from _sent_to(record, "forged", "spam")


def nothing_to_machines(record: Record) -> Iterator[str]:
    """A1, A3, B1, B2, B4, C1: robots, bounces, lists, bulk mail, the null sender."""
    yield from _sent_to(record, *_MACHINES)


def nothing_to_who_wrote_to_somebody_else(record: Record) -> Iterator[str]:
    """E2: the mailbox stands in no header field."""
    yield from _sent_to(record, "blind")


def replies_are_not_acknowledged(record: Record) -> Iterator[str]:
    """G1, G2: what belongs to a conversation, the robots' replies too."""
    for ack in record.of("ack"):
        arrival = record.by_id.get(ack.about)
        if arrival is None:
            continue
        refers = b"\r\nIn-Reply-To: <ack." in arrival.letter.raw
        if arrival.letter.kind in _REPLIES or refers:
            yield f"acknowledged: {_named(arrival)}"


def loops_end(record: Record) -> Iterator[str]:
    """F2, F3, F5, F13: a robot without marks hears little, and then nothing."""
    robots = {one.letter.sender for one in record.arrivals if one.letter.kind == "robot"}
    acks = Counter(one.to for one in record.of("ack") if one.to in robots)
    later = Counter(one.to for one in record.of("update", "survey") if one.to in robots)
    for robot in robots:
        if acks[robot] > MOST_TO_A_ROBOT or later[robot] > 2 * acks[robot]:
            yield f"{acks[robot]} acknowledgements and {later[robot]} more to {robot}"


def acks_are_marked(record: Record) -> Iterator[str]:
    """J1, J2, J3, J12 to J16, J19, J20, J27: null sender, NOTIFY=NEVER, marks, size, lines."""
    for ack in record.of("ack"):
        if ack.delivery.sender:
            yield f"{ack.about}: reverse-path {ack.delivery.sender}"
        if "NOTIFY=NEVER" not in ack.delivery.parameters:
            yield f"{ack.about}: parameters {ack.delivery.parameters}"
        if ack.message["Auto-Submitted"] != "auto-replied":
            yield f"{ack.about}: Auto-Submitted: {ack.message['Auto-Submitted']}"
        for name in ("List-Unsubscribe", "Precedence", "Cc", "Disposition-Notification-To"):
            if name in ack.message:
                yield f"{ack.about}: has {name}"
        yield from (f"{ack.about}: {fault}" for fault in faults_of_form(ack))


def faults_of_form(left: Left) -> Iterator[str]:
    """Of any mail of ours to a customer."""
    content = left.delivery.content
    if left.message["X-Auto-Response-Suppress"] != "All":
        yield "nothing tells Exchange to be silent"
    if "X-Mailtriage-Loop" not in left.message:
        yield "no mark of our own"
    if len(left.delivery.recipients) != 1:
        yield f"{len(left.delivery.recipients)} recipients"
    if len(content) > 8192 or not content.isascii():
        yield f"{len(content)} bytes, ASCII: {content.isascii()}"
    if max(map(len, content.split(b"\r\n"))) > 998:
        yield "a line is too long"


def acks_come_at_once(record: Record) -> Iterator[str]:
    """J26: an acknowledgement that is late says nothing any more."""
    for ack in record.of("ack"):
        arrival = record.by_id.get(ack.about)
        if arrival is not None and not 0 <= ack.at - arrival.at <= STALE:
            yield f"{_named(arrival)}: after {ack.at - arrival.at:.0f} seconds"


def language_is_right(record: Record) -> Iterator[str]:
    """J21: the customer's own."""
    for ack in record.of("ack"):
        arrival = record.by_id.get(ack.about)
        if arrival is None or arrival.letter.kind != "first":
            continue
        if arrival.letter.person.language not in ack.languages:
            wanted = arrival.letter.person.language
            yield f"{_named(arrival)}: {sorted(ack.languages)} instead of {wanted}"


def promises_are_possible(record: Record) -> Iterator[str]:
    """Decision 22: in the future, while people work, on no holiday; and the text says that time."""
    for ack in record.of("ack"):
        if not ack.promised:
            yield f"{ack.about}: promises nothing"
            continue
        when = local(ack.promised)
        if ack.promised < ack.at + HOUR:
            yield f"{ack.about}: {when} is not an hour away"
        if not is_open(ack.promised):
            yield f"{ack.about}: at {when} nobody works"
        if not says_moment(ack.text, ack.promised):
            yield f"{ack.about}: does not say {when}"


def nothing_is_echoed(record: Record) -> Iterator[str]:
    """J8: of what a customer wrote, nothing but the subject comes back."""
    wrote: dict[str, set[str]] = {}
    for arrival in record.arrivals:
        sentences = re.split(r"(?<=[.?!])\s+|\n", arrival.letter.text)
        long = {one for one in sentences if len(one) >= _SENTENCE}
        wrote.setdefault(arrival.letter.sender, set()).update(long)
    for left in record.of("ack", "update", "survey"):
        text = " ".join(left.text.split())
        for sentence in wrote.get(left.to, ()):
            if sentence in text:
                yield f"to {left.to}: {sentence!r}"


def is_seen_as_human(arrival: Arrival) -> bool:
    """By the tag that decides over an answer."""
    return arrival.delivered.tags.get("x-mailtriage-kind") == "human"


def says_moment(text: str, at: float) -> bool:
    """Whether day, year and minute of that moment stand in one line of the text."""
    when = local(at)
    forms = [rf"\b{when.day}(?:er|\.)?\b", rf"\b{when.year}\b", rf"\b0?{when.hour}[:.]{when:%M}\b"]
    return any(all(re.search(form, line) for form in forms) for line in text.splitlines())


def _sent_to(record: Record, *kinds: Kind) -> Iterator[str]:
    """Whatever went to those who wrote such mail, and no other."""
    others = {one.letter.sender for one in record.arrivals if one.letter.kind in ANSWERED}
    wrong = {
        address
        for one in record.arrivals
        if one.letter.kind in kinds
        for address in (one.letter.sender, one.letter.person.address)
    } - others
    for left in record.left:
        arrival = record.by_id.get(left.about)
        if arrival is not None and arrival.letter.kind in kinds:
            yield f"a {left.what} to {left.to} for {_named(arrival)}"
        elif left.to in wrong or not left.to:
            yield f"a {left.what} to {left.to!r}"


def _named(arrival: Arrival) -> str:
    return f"{arrival.letter.kind} {arrival.letter.message_id} of {local(arrival.at):%d.%m. %H:%M}"
