"""What the desk writes down after an acknowledgement: with a real database, and time that is set."""

import dataclasses
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.acks.follow_up_texts import load_follow_up_texts
from mailtriage.acks.order import Order
from mailtriage.config import Config
from mailtriage.desk.follow_up_desk import FollowUpDesk, Looked
from mailtriage.desk.follow_up_kept import follow_up_of
from mailtriage.insight.promises import Knowledge
from mailtriage.shipped import shipped_directory
from mailtriage.state.outbox import Outbox
from mailtriage.state.records import Inbound, NewAck, Outbound, OutboundEffect
from mailtriage.state.replies import changed_since
from mailtriage.state.shared_records import SharedOutcome
from mailtriage.state.sqlite import open_database
from mailtriage.state.store import Store
from mailtriage.triage.model import Churn, Triage
from tests.support.orders import NOW, ORDER, TOKENS, read_config

HOUR, DAY = 3600.0, 86_400.0
WEEK = "".join(
    f'{day} = "00:00-24:00"\n'
    for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
)
TOML = f"""
[calendars.always]
timezone = "Europe/Berlin"
{WEEK}
[mailboxes."help@desk.example"]
name = "Desk Support"
updates = "send"
survey = "send"
[return_addresses]
domain = "triage.desk.example"
[updates]
hours = "00:00-24:00"
"""
BY = NOW + 10 * HOUR
FIRST = dataclasses.replace(ORDER, received=NOW, by=BY, references=(), generic="")


class Site:
    """A desk and its database."""

    def __init__(self, connection: sqlite3.Connection, config: Config) -> None:
        self.connection, self.config = connection, config
        self.store = Store(connection, TOKENS)
        self.outbox = Outbox(connection)
        texts = load_follow_up_texts(shipped_directory("policies") / "acks", only_own=True)
        self.desk = FollowUpDesk(config, TOKENS, texts, Knowledge)

    def acknowledge(
        self,
        order: Order = FIRST,
        *,
        sent: bool = True,
        judged: Triage | None = None,
        **changes: object,
    ) -> None:
        """A mail, and its acknowledgement, which goes out at once."""
        mail = Inbound(
            order.key, order.mailbox, order.to, order.subject, "", order.message_id,
            order.references, order.received, "", "sent", "human", order.skill, order.priority,
            order.language, "none", "new", order.by,
        )  # fmt: skip
        mail = dataclasses.replace(mail, **changes)  # type: ignore[arg-type] # names of fields
        (mailbox,) = self.config.mailboxes.mailboxes
        ack = NewAck(
            order.key, order.mailbox, order.to, "customer.example", b"x", order.received,
            order.received, order.received + HOUR,
            follow_up=follow_up_of(order, judged or Triage(), mailbox, self.config.follow_ups),
        )  # fmt: skip
        with self.store.transaction():
            self.store.record_inbound(mail, ack)
        if sent:
            self.send(order.received + 1)

    def writes_again(self, at: float, name: str = "m9") -> None:
        """A mail of the customer's that is not acknowledged."""
        mail = Inbound(
            name.encode().ljust(16), ORDER.mailbox, ORDER.to, "Re", "", f"<{name}@customer.example>",
            (ORDER.message_id,), at, "G4", "skipped", "human", "delivery", "normal", "en", "none",
            "reply", 0.0,
        )  # fmt: skip
        with self.store.transaction():
            self.store.record_inbound(mail, None)

    def answer(self, at: float, name: str = "a1") -> OutboundEffect:
        """A human of ours does."""
        mail = Outbound(
            name.encode().ljust(16), f"<{name}@desk.example>", (ORDER.message_id,), at,
            (ORDER.to,), automatic=False,
        )  # fmt: skip
        with self.store.transaction():
            return self.store.record_outbound(mail)

    def send(self, at: float) -> list[str]:
        """The ack worker takes all that is due; the kinds of it."""
        rows = self.outbox.claim(at, 60.0, 10).rows
        self.outbox.sent([row.key for row in rows], at)
        return [row.kind for row in rows]

    def look(self, at: float) -> Looked:
        """At the only conversation, whether it is due or not."""
        with self.store.transaction():
            return self.desk.look(self.store, 1, at)

    def one(self, query: str) -> tuple[object, ...]:
        found = self.connection.execute(query).fetchone()
        return tuple(found) if found is not None else ()

    def states(self) -> list[tuple[str, str, str]]:
        query = "SELECT kind, state, rule FROM outbox WHERE kind != 'ack' ORDER BY created"
        return self.connection.execute(query).fetchall()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(open_database(tmp_path / "state.db")) as connection:
        yield Site(connection, read_config(tmp_path, TOML))


def updated(site: Site, at: float = NOW + 9 * HOUR) -> None:
    """It has been, and the customer knows."""
    site.acknowledge()
    assert site.look(at).result == "owed"
    assert site.send(at + 1) == ["update"]
    assert site.look(at + 2).result == "sent"


# What is kept.


def test_the_order_is_kept_with_the_acknowledgement(site: Site) -> None:
    site.acknowledge()
    (plan, wants, told) = site.one("SELECT plan, wants, told FROM follow_up")
    assert Order.from_json(str(plan)) == FIRST
    assert (wants, told) == ("survey updates", BY)


@pytest.mark.parametrize(
    ("changes", "judged", "wants"),
    [
        ({}, Triage(), "survey updates"),
        ({"generic": "encrypted"}, Triage(), "updates"),
        ({"skill": "complaint"}, Triage(), "updates"),
        ({"skill": "cancellation"}, Triage(), "updates"),
        ({"skill": "privacy"}, Triage(), "updates"),
        ({}, Triage(churn=Churn.HIGH), "updates"),
        ({"by": 0.0}, Triage(), "survey"),
    ],
)
def test_who_is_never_asked_how_it_went(
    site: Site, changes: dict[str, str], judged: Triage, wants: str
) -> None:
    (mailbox,) = site.config.mailboxes.mailboxes
    order = dataclasses.replace(FIRST, **changes)  # type: ignore[arg-type] # names of fields
    kept = follow_up_of(order, judged or Triage(), mailbox, site.config.follow_ups)
    assert kept is not None
    assert kept.wants == wants


@pytest.mark.parametrize("changes", [{"updates": "off", "survey": "off"}, {"ack": "off"}])
def test_where_nothing_is_switched_on_nothing_is_kept(site: Site, changes: dict[str, str]) -> None:
    (mailbox,) = site.config.mailboxes.mailboxes
    off = dataclasses.replace(mailbox, **changes)  # type: ignore[arg-type] # names of fields
    assert follow_up_of(FIRST, Triage(), off, site.config.follow_ups) is None


# Updates.


def test_an_update_is_owed_together_with_its_promise(site: Site) -> None:
    site.acknowledge()
    assert site.look(NOW + 2 * HOUR).result == ""
    assert site.look(NOW + 9 * HOUR).result == "owed"
    (promised,) = site.one("SELECT promised FROM conversation")
    assert isinstance(promised, float)
    assert promised > BY
    kind, sender, expires = site.one("SELECT kind, sender, expires FROM outbox WHERE about != x''")
    assert (kind, expires) == ("update", BY)
    assert str(sender).startswith("b1.")


def test_an_acknowledgement_that_never_went_out_is_not_followed(site: Site) -> None:
    site.acknowledge(sent=False)
    assert site.look(NOW + 0.5 * HOUR).result == ""
    assert site.outbox.claim(NOW + 2 * HOUR, 60.0, 10).rows == []
    site.look(NOW + 9 * HOUR)
    assert site.states() == []
    assert site.one("SELECT * FROM follow_up") == ()


def test_an_answer_ends_it_at_once(site: Site) -> None:
    site.acknowledge()
    assert site.look(NOW + 9 * HOUR).result == "owed"
    effect = site.answer(NOW + 9 * HOUR + 1)
    assert len(effect.suppressed) == 1
    assert site.send(NOW + 9 * HOUR + 2) == []
    assert site.states() == [("update", "SUPPRESSED", "answered")]
    assert site.look(NOW + 9 * HOUR + 3).result == "suppressed"


def test_an_answer_a_moment_before_wins(site: Site) -> None:
    site.acknowledge()
    site.answer(NOW + 9 * HOUR - 0.001)
    assert site.look(NOW + 9 * HOUR).result == ""
    assert site.states() == []


def test_an_answer_through_another_node_ends_it_too(site: Site) -> None:
    site.acknowledge()
    site.look(NOW + 9 * HOUR)
    (shared_id,) = site.one("SELECT shared_id FROM conversation")
    assert isinstance(shared_id, bytes)
    with site.store.transaction():
        # It came long before the update was owed, and is heard of only now.
        outcome = SharedOutcome(shared_id, NOW + HOUR, 0.0, "")
        site.store.hear_outcome(outcome, NOW + 9 * HOUR + 5)
    assert site.states() == [("update", "SUPPRESSED", "answered")]


def test_a_conversation_of_another_node_is_followed_up_there(site: Site) -> None:
    site.acknowledge()
    site.connection.execute("UPDATE conversation SET home = 0")
    site.connection.execute("DELETE FROM follow_up")
    site.acknowledge(dataclasses.replace(FIRST, key=b"k" * 16, references=(FIRST.message_id,)))
    assert site.one("SELECT * FROM follow_up") == ()


def test_keeping_a_moved_promise_is_not_keeping_the_promise(site: Site) -> None:
    """Nor after a restart, when all is read again."""
    updated(site)
    (found,) = changed_since(site.connection, 0.0)
    assert found.promised == BY
    site.acknowledge(
        dataclasses.replace(
            FIRST, key=b"k" * 16, message_id="<m7@x.example>", references=(FIRST.message_id,),
            received=NOW + 9.5 * HOUR, by=NOW + 30 * HOUR,
        )
    )  # fmt: skip
    (found,) = changed_since(site.connection, 0.0)
    assert found.promised == BY


def test_what_could_not_be_sent_was_promised_to_nobody(site: Site) -> None:
    site.acknowledge()
    site.look(NOW + 9 * HOUR)
    assert site.outbox.claim(BY + 1, 60.0, 10).rows == []
    assert site.states() == [("update", "EXPIRED", "J26")]
    assert site.look(BY + 2).result == "unsent"
    assert site.one("SELECT promised FROM conversation") == (BY,)
    assert site.one("SELECT wants FROM follow_up") == ("survey",)


def test_two_and_then_a_human_has_to_look(site: Site) -> None:
    updated(site)
    for number in (2, 3):
        (told,) = site.one("SELECT told FROM follow_up")
        assert isinstance(told, float)
        when = told - 600
        found = site.look(when)
        if number == 2:
            assert found.result == "owed"
            assert site.send(when + 1) == ["update"]
            assert site.look(when + 2).result == "sent"
    assert (found.result, found.level) == ("escalated", "warning")
    assert site.one("SELECT wants FROM follow_up") == ("survey",)
    assert len(site.states()) == 2
    assert site.look(told + HOUR).result == ""


def test_the_second_one_is_another_mail(site: Site) -> None:
    updated(site)
    (told,) = site.one("SELECT told FROM follow_up")
    assert isinstance(told, float)
    site.look(told - 600)
    second = TOKENS.follow_up_key("update", FIRST.key, 2)
    assert site.one("SELECT key FROM outbox WHERE message IS NOT NULL") == (second,)


def test_a_crash_after_sending_and_before_the_mark_sends_nothing_twice(site: Site) -> None:
    site.acknowledge()
    site.look(NOW + 9 * HOUR)
    assert len(site.outbox.claim(NOW + 9 * HOUR, 60.0, 10).rows) == 1
    assert site.outbox.claim(NOW + 9 * HOUR + 61, 60.0, 10).rows == []
    assert site.states() == [("update", "DEAD", "")]


def test_dead_ones_are_not_revived(site: Site) -> None:
    site.acknowledge()
    site.look(NOW + 9 * HOUR)
    ((row,), _) = site.outbox.claim(NOW + 9 * HOUR, 60.0, 10)
    site.outbox.dead(row.key, "550 no", undeliverable=True, now=NOW + 9 * HOUR)
    assert not site.outbox.revive(row.key, NOW + 9 * HOUR, NOW + DAY)
    assert site.look(NOW + 9 * HOUR + 1).result == "unsent"
    site.look(NOW + 9 * HOUR + 2)
    assert site.one("SELECT * FROM follow_up") == (), "the address is undeliverable (rule A8)"


# Surveys.


def asked(site: Site, answered: float = NOW + HOUR) -> None:
    site.acknowledge()
    site.answer(answered)
    assert site.look(answered + DAY).result == "owed"


def test_a_survey_is_owed_with_its_row(site: Site) -> None:
    asked(site)
    assert site.one("SELECT skill, language, mailbox, vote FROM survey") == (
        "delivery", "en", "help@desk.example", 0,
    )  # fmt: skip
    assert site.send(NOW + HOUR + DAY + 1) == ["survey"]
    assert site.look(NOW + HOUR + DAY + 2).result == "sent"
    assert site.one("SELECT * FROM follow_up") == ()
    assert site.one("SELECT count(*) FROM survey") == (1,)


def test_a_survey_on_its_way_stops_when_the_customer_writes(site: Site) -> None:
    asked(site)
    site.writes_again(NOW + HOUR + DAY + 1)
    assert site.states() == [("survey", "SUPPRESSED", "open")]
    assert site.one("SELECT count(*) FROM survey") == (0,), "nobody was asked"


def test_a_second_answer_puts_it_off(site: Site) -> None:
    site.acknowledge()
    site.answer(NOW + HOUR)
    site.answer(NOW + 20 * HOUR, "a2")
    assert site.look(NOW + 26 * HOUR).result == ""
    assert site.look(NOW + 44 * HOUR).result == "owed"


def test_one_person_is_asked_once_in_thirty_days(site: Site) -> None:
    asked(site)
    later = dataclasses.replace(
        FIRST, key=b"k" * 16, message_id="<other@customer.example>", received=NOW + 3 * DAY
    )
    site.acknowledge(later)
    mail = Outbound(
        b"b" * 16, "<b@desk.example>", (later.message_id,), NOW + 3 * DAY + 60, (ORDER.to,),
        automatic=False,
    )  # fmt: skip
    with site.store.transaction():
        site.store.record_outbound(mail)
    with site.store.transaction():
        found = site.desk.look(site.store, 2, NOW + 5 * DAY)
    assert found.result == "withheld"


def test_who_does_not_want_it_is_not_asked(site: Site) -> None:
    site.acknowledge()
    site.answer(NOW + HOUR)
    with site.store.transaction():
        site.store.surveys.opt_out_address("Joe@customer.example", NOW + 2 * HOUR)
    assert site.look(NOW + 2 * DAY).result == "withheld"
    assert site.states() == []


# What goes again.


def test_addresses_do_not_stay(site: Site) -> None:
    site.acknowledge()
    site.store.purge(BY + 13 * DAY, 180 * DAY)
    assert site.one("SELECT count(*) FROM follow_up") == (1,)
    site.store.purge(BY + 14 * DAY + 1, 180 * DAY)
    assert site.one("SELECT count(*) FROM follow_up") == (0,)


def test_no_address_is_left_in_the_rows_of_the_file(site: Site) -> None:
    asked(site)
    site.send(NOW + HOUR + DAY + 1)
    site.look(NOW + HOUR + DAY + 2)
    dump = "\n".join(site.connection.iterdump())
    assert ORDER.to not in dump


def test_a_mailbox_that_is_gone_takes_its_rows_along(site: Site, tmp_path: Path) -> None:
    site.acknowledge()
    other = read_config(tmp_path, TOML.replace("help@", "other@"))
    site.desk = dataclasses.replace(site.desk, config=other)
    site.look(NOW + 9 * HOUR)
    assert site.one("SELECT * FROM follow_up") == ()
