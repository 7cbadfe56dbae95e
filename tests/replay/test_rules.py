"""Each rule of the replay finds what breaks it: a sound record is doctored, one thing at a time."""

import dataclasses
import email.utils
from collections.abc import Callable
from typing import Any

import pytest

from tests.replay import nuisance
from tests.replay import rules_acks as acks
from tests.replay import rules_desk as desk
from tests.replay import rules_follow_ups as follow_ups
from tests.replay.letters import HELP, SERVICE, Letter, Person, Writer
from tests.replay.record import Answer, Arrival, Left, Record, Vote, What
from tests.replay.rules import ACKS, DESK, FOLLOW_UPS, WEEKS, Check, broken
from tests.replay.simulated import DAY, FIRST, HOUR, local, moment
from tests.support.sink import Delivery

NINE = moment(FIRST, 9.5)
PROMISED = moment(FIRST, 16)
ANSWERED = moment(FIRST, 15.5)
ANN = Person("Anna Maier", "ann@c1.example", "de")
TAGS = b"X-Mailtriage: v=1; kind=human\r\nX-Mailtriage-Kind: human\r\n"
HOLIDAY = moment(FIRST.replace(month=12, day=25), 12)


def arrival(letter: Letter, at: float, tags: bytes = TAGS) -> Arrival:
    got = Delivery(letter.sender, (letter.mailbox,), ("", ""), tags + letter.raw)
    return Arrival(at, letter, got)


def left(what: What, to: str, about: str, at: float, text: str, **changes: Any) -> Left:
    """A mail of ours; `changes` to its fields, with None for one that is left out, or to `Left`."""
    is_ack = what == "ack"
    fields: dict[str, str | None] = {
        "From": f"Desk <{HELP}>",
        "To": to,
        "Subject": "Nachricht erhalten",
        "In-Reply-To": about,
        "Auto-Submitted": "auto-replied" if is_ack else "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Mailtriage-Loop": "a.b",
        "Content-Language": "de",
        "List-Unsubscribe": "<mailto:o1.a.b@triage.desk.example>" if what == "survey" else None,
        **changes.pop("fields", {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    raw = f"{head}\r\n{text}\r\n".encode("ascii", "xmlcharrefreplace")
    sender = "" if is_ack else "b1.a.b@triage.desk.example"
    parameters = ("", "NOTIFY=NEVER") if is_ack else ("", "")
    promised = PROMISED if is_ack else 0.0
    fine = Left(at, what, Delivery(sender, (to,), parameters, raw), b"key", promised)
    given = {name: changes.pop(name) for name in ("sender", "parameters") if name in changes}
    fine = dataclasses.replace(fine, delivery=dataclasses.replace(fine.delivery, **given))
    return dataclasses.replace(fine, **changes)


def says(at: float) -> str:
    when = local(at)
    return f"Antwort bis {when.day}. Dezember {when.year}, {when:%H:%M} Uhr"


class Sound:
    """A record that breaks no rule, and its parts."""

    def __init__(self) -> None:
        self.writer = Writer(7)
        self.record = Record(moment(FIRST), moment(FIRST) + 7 * DAY)
        self.letter = dataclasses.replace(
            self.writer.first(ANN, NINE, skill="billing"), mailbox=HELP
        )
        self.record.arrivals.append(arrival(self.letter, NINE))
        self.record.left.append(self.ack())
        self.record.answers.append(Answer(ANSWERED, self.letter.matter, threaded=True))
        self.record.submitted.append((b"answer", Delivery(HELP, (ANN.address,), (), b"answer")))
        self.record.metrics = {
            (name, frozenset(labels.items())): float(value)
            for name, labels, value in (
                ("mailtriage_messages_total", {"direction": "inbound"}, 1),
                ("mailtriage_messages_total", {"direction": "outbound"}, 1),
                ("mailtriage_acks_total", {"result": "owed"}, 1),
                ("mailtriage_ack_deliveries_total", {"result": "sent"}, 1),
                ("mailtriage_history_records_total", {}, 2),
                ("mailtriage_reply_promises_total", {"result": "kept"}, 1),
            )
        }

    def ack(self, **changes: Any) -> Left:
        about = changes.pop("about", self.letter.message_id)
        to, text = changes.pop("to", ANN.address), changes.pop("text", says(PROMISED))
        at = changes.pop("at", NINE + 1)
        return left("ack", to, about, at, text, **changes)

    def later(self, what: What, at: float, **changes: Any) -> Left:
        about = changes.pop("about", self.letter.message_id)
        text = changes.pop("text", says(PROMISED))
        return left(what, changes.pop("to", ANN.address), about, at, text, **changes)

    def sends(self, *mails: Left) -> Record:
        """The record with these mails besides."""
        self.record.left += mails
        return self.record

    def instead(self, **changes: Any) -> Record:
        """The record with another acknowledgement."""
        self.record.left[:] = [self.ack(**changes)]
        return self.record

    def gets(self, letter: Letter, *mails: Left) -> Record:
        """The record with one more mail that came in."""
        self.record.arrivals.append(arrival(letter, NINE + HOUR))
        return self.sends(*mails)

    def answered_by(self, letter: Letter, to: str = "") -> Record:
        """The record with a mail that came in, and an acknowledgement of it."""
        about, to = letter.message_id, to or letter.sender
        return self.gets(letter, self.ack(about=about, to=to, at=NINE + HOUR + 1))


def raised(sound: Sound, alert_at: float) -> Record:
    """The record with a rise of delivery mail at nine, told at that moment."""
    sound.record.surge = NINE
    text = "skill delivery: 20 mails since 09:00, 5.0 expected (4.0 times), 18 senders"
    return sound.sends(left("alert", "leads@desk.example", "", alert_at, text))


def alarms(sound: Sound) -> Record:
    subject = "[mailtriage] skill billing: 9 mails since 09:00, 2 expected (4.5 times), 8 senders"
    mails = [
        left("alert", "leads@desk.example", "", NINE + n * HOUR, "", fields={"Subject": subject})
        for n in range(5)
    ]
    return sound.sends(*mails)


def replies(sound: Sound) -> Letter:
    return sound.writer.later(sound.letter, "chaser", NINE + HOUR)


def robots(sound: Sound) -> Record:
    robot = Person("Service Centre", "tickets@r0.example", "en")
    for _ in range(5):
        letter = nuisance.robot(sound.writer, NINE, robot, "Your request")
        sound.answered_by(letter)
    return sound.record


def counts(sound: Sound, **labels: str) -> Record:
    key = ("mailtriage_ack_deliveries_total", frozenset(labels.items()))
    sound.record.metrics[key] = 7.0
    return sound.record


def unseen(sound: Sound) -> Record:
    letters = [sound.writer.first(ANN, NINE) for _ in range(3)]
    machine = TAGS.replace(b"human", b"machine")
    sound.record.arrivals += [arrival(one, NINE, machine) for one in letters]
    return sound.record


def promise_of(sound: Sound, at: float) -> Record:
    return sound.instead(promised=at, text=says(at))


def kept_badly(sound: Sound) -> Record:
    for number in range(desk.FEWEST_JUDGED + 1):
        letter = sound.writer.first(sound.writer.person(), NINE)
        sound.answered_by(letter)
        when = ANSWERED if number % 2 else PROMISED + DAY
        sound.record.answers.append(Answer(when, letter.matter, threaded=True))
    return sound.record


def slipped(sound: Sound) -> Record:
    sound.record.answers[:] = [Answer(PROMISED + HOUR, sound.letter.matter, threaded=True)]
    return sound.record


def asked(sound: Sound, at: float = ANSWERED + DAY, **changes: Any) -> Left:
    return sound.later("survey", at, **changes)


def asked_after_no(sound: Sound) -> Record:
    sound.record.votes.append(Vote(NINE, ANN.address, "opt-out"))
    return sound.sends(asked(sound))


def off_there(sound: Sound) -> Record:
    letter = dataclasses.replace(sound.writer.first(ANN, NINE), mailbox=SERVICE)
    sound.answered_by(letter)
    return sound.sends(sound.later("update", NINE + 2 * HOUR, about=letter.message_id))


NOON = moment(FIRST, 12)
STRANGER = Person("Kim Novak", "kim@c2.example", "en")
CASES: list[tuple[Check, Callable[[Sound], object]]] = [
    (acks.one_ack_a_mail, lambda s: s.sends(s.ack())),
    (acks.one_ack_a_conversation, lambda s: s.answered_by(replies(s))),
    (acks.every_first_mail_acknowledged, lambda s: s.record.left.clear()),
    (acks.every_first_mail_acknowledged, lambda s: s.sends(s.ack())),
    (acks.only_known_mail_is_acknowledged, lambda s: s.sends(s.ack(about="<none@c.example>"))),
    (acks.only_known_mail_is_acknowledged, lambda s: s.instead(to="boss@c1.example")),
    (acks.nothing_to_the_unauthenticated, lambda s: s.answered_by(nuisance.spam(s.writer, NINE))),
    (acks.nothing_to_the_unauthenticated, lambda s: s.answered_by(nuisance.forged(s.writer, NINE))),
    (acks.nothing_to_machines, lambda s: s.answered_by(nuisance.newsletter(s.writer, NINE))),
    (acks.nothing_to_machines, lambda s: s.answered_by(nuisance.mailing_list(s.writer, NINE))),
    (acks.nothing_to_machines, lambda s: s.answered_by(nuisance.bounce(s.writer, NINE))),
    (
        acks.nothing_to_machines,
        lambda s: s.answered_by(nuisance.vacation(s.writer, NINE, STRANGER), STRANGER.address),
    ),
    (
        acks.nothing_to_who_wrote_to_somebody_else,
        lambda s: s.answered_by(nuisance.blind(s.writer, NINE)),
    ),
    (acks.replies_are_not_acknowledged, lambda s: s.answered_by(replies(s))),
    (acks.loops_end, robots),
    (acks.acks_are_marked, lambda s: s.instead(sender="help@desk.example")),
    (acks.acks_are_marked, lambda s: s.instead(parameters=("", ""))),
    (acks.acks_are_marked, lambda s: s.instead(fields={"Auto-Submitted": None})),
    (acks.acks_are_marked, lambda s: s.instead(fields={"Auto-Submitted": "auto-generated"})),
    (acks.acks_are_marked, lambda s: s.instead(fields={"List-Unsubscribe": "<mailto:a@b>"})),
    (acks.acks_are_marked, lambda s: s.instead(fields={"X-Auto-Response-Suppress": None})),
    (acks.acks_are_marked, lambda s: s.instead(fields={"X-Mailtriage-Loop": None})),
    (acks.acks_are_marked, lambda s: s.instead(text=("x" * 70 + "\r\n") * 200)),
    (acks.acks_come_at_once, lambda s: s.instead(at=NINE + HOUR)),
    (acks.language_is_right, lambda s: s.instead(fields={"Content-Language": "fr"})),
    (acks.promises_are_possible, lambda s: promise_of(s, NINE - DAY)),
    (acks.promises_are_possible, lambda s: promise_of(s, NINE + 600)),
    (acks.promises_are_possible, lambda s: promise_of(s, HOLIDAY)),
    (acks.promises_are_possible, lambda s: promise_of(s, moment(FIRST, 20))),
    (acks.promises_are_possible, lambda s: s.instead(text=says(PROMISED + HOUR))),
    (acks.nothing_is_echoed, lambda s: s.instead(text=f"{says(PROMISED)}\n{s.letter.text}")),
    (desk.helpdesk_has_every_mail, lambda s: s.record.arrivals.append(arrival(s.letter, 0, b""))),
    (
        desk.helpdesk_has_every_mail,
        lambda s: s.record.arrivals.append(arrival(s.letter, 0, TAGS + b"X-Other: 1\r\n")),
    ),
    (
        desk.helpdesk_has_every_mail,
        lambda s: s.record.arrivals.append(
            Arrival(NINE, s.letter, Delivery(ANN.address, (HELP,), (), TAGS + s.letter.raw[:-9]))
        ),
    ),
    (
        desk.answers_leave_unchanged,
        lambda s: s.record.submitted.append((b"a", Delivery("", (), (), b"b"))),
    ),
    (desk.people_are_seen_as_people, unseen),
    (desk.metrics_say_what_was_seen, lambda s: counts(s, result="sent")),
    (desk.metrics_say_what_was_seen, lambda s: counts(s, result="retry")),
    (desk.nothing_went_wrong, lambda s: s.record.logged.append({"level": "error", "event": "x"})),
    (desk.nothing_went_wrong, lambda s: setattr(s.record, "log", "level=error event=x")),
    (desk.promises_are_kept, kept_badly),
    (desk.surge_is_told, lambda s: raised(s, NINE + 12 * HOUR)),
    (desk.few_false_alarms, alarms),
    (
        follow_ups.follow_ups_are_marked,
        lambda s: s.sends(s.later("update", NOON, sender="")),
    ),
    (
        follow_ups.follow_ups_are_marked,
        lambda s: s.sends(s.later("update", NOON, fields={"Auto-Submitted": "auto-replied"})),
    ),
    (
        follow_ups.follow_ups_are_marked,
        lambda s: s.sends(asked(s, fields={"List-Unsubscribe": None})),
    ),
    (
        follow_ups.follow_ups_follow_an_ack,
        lambda s: s.sends(s.later("update", NOON, to=STRANGER.address)),
    ),
    (
        follow_ups.follow_ups_follow_an_ack,
        lambda s: s.sends(s.later("update", NOON, fields={"Content-Language": "es"})),
    ),
    (follow_ups.follow_ups_follow_an_ack, off_there),
    (follow_ups.nothing_at_night, lambda s: s.sends(s.later("update", moment(FIRST, 5)))),
    (
        follow_ups.updates_come_before_the_promise,
        lambda s: s.sends(s.later("update", PROMISED + 60)),
    ),
    (
        follow_ups.updates_come_before_the_promise,
        lambda s: s.sends(s.later("update", ANSWERED + 60)),
    ),
    (
        follow_ups.updates_come_before_the_promise,
        lambda s: s.sends(*(s.later("update", NOON + n) for n in range(3))),
    ),
    (
        follow_ups.updates_come_before_the_promise,
        lambda s: s.gets(replies(s), s.later("update", NINE + HOUR + 60)),
    ),
    (
        follow_ups.updates_come_before_the_promise,
        lambda s: s.sends(s.later("update", NOON, text="")),
    ),
    (follow_ups.surveys_come_after_the_case, lambda s: s.sends(asked(s, ANSWERED + HOUR))),
    (follow_ups.surveys_come_after_the_case, lambda s: s.sends(asked(s, ANSWERED - HOUR))),
    (follow_ups.surveys_come_after_the_case, lambda s: s.sends(asked(s), asked(s))),
    (follow_ups.surveys_leave_people_alone, lambda s: s.sends(asked(s), asked(s))),
    (follow_ups.surveys_leave_people_alone, asked_after_no),
    (follow_ups.slips_are_announced, slipped),
    (
        follow_ups.updates_are_seldom_needless,
        lambda s: s.sends(s.later("update", NOON)),
    ),
    (
        follow_ups.votes_are_counted,
        lambda s: s.record.votes.append(Vote(NOON, ANN.address, "vote")),
    ),
]


def test_a_sound_record_breaks_no_rule() -> None:
    sound = Sound()
    assert not broken(sound.record, (*ACKS, *DESK, *FOLLOW_UPS))
    sound.sends(sound.later("update", NOON), asked(sound))
    assert not broken(sound.record, FOLLOW_UPS)
    assert not broken(raised(Sound(), NINE + 3 * HOUR), (desk.surge_is_told, desk.few_false_alarms))


@pytest.mark.parametrize(
    ("check", "doctor"), CASES, ids=[f"{check.__name__}-{n}" for n, (check, _) in enumerate(CASES)]
)
def test_what_breaks_a_rule_is_found(check: Check, doctor: Callable[[Sound], object]) -> None:
    sound = Sound()
    doctor(sound)
    assert list(check(sound.record))


def test_every_rule_is_tried() -> None:
    assert {check for check, _ in CASES} == {*ACKS, *DESK, *FOLLOW_UPS, *WEEKS}


def test_letters_are_dated_by_the_simulated_clock() -> None:
    sent = email.utils.format_datetime(local(NINE - 4))
    assert f"Date: {sent}".encode() in Sound().letter.raw
