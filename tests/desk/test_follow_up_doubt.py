"""In doubt nothing goes out: strangers, mails on their way, and settings that have changed."""

import dataclasses
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mailtriage.desk.follow_up_kept import allowed
from mailtriage.state.records import Inbound, Outbound
from mailtriage.triage.model import Churn, Triage
from tests.desk.test_follow_up_desk import BY, DAY, FIRST, HOUR, NOW, TOML, Site, site, updated
from tests.support.orders import ORDER, read_config

__all__ = ["site"]  # the fixture

STRANGER = "eve@elsewhere.example"
LATE = NOW + 9 * HOUR


def joined(site: Site, at: float, address: str = STRANGER) -> None:
    """Somebody else writes with a Message-ID of the conversation, and is not acknowledged."""
    mail = Inbound(
        b"j" * 16, ORDER.mailbox, address, "Re", "", "<j@elsewhere.example>", (ORDER.message_id,),
        at, "G6", "skipped", "human", "delivery", "normal", "en", "none", "reply", 0.0,
    )  # fmt: skip
    with site.store.transaction():
        site.store.record_inbound(mail, None)


def again(at: float, **changes: object) -> object:
    """A second acknowledgement in the same conversation."""
    order = dataclasses.replace(
        FIRST, key=b"k" * 16, message_id="<m7@x.example>", references=(FIRST.message_id,),
        received=at, by=at + 10 * HOUR,
    )  # fmt: skip
    return dataclasses.replace(order, **changes)  # type: ignore[arg-type] # names of fields


# Who else is in the conversation.


def test_who_takes_over_an_old_conversation_gets_nothing_of_it(site: Site) -> None:
    """After months of silence a mail with a copied Message-ID is acknowledged (G7). An answer to
    its writer would not be known for one, and an answer to the customer is none for the writer."""
    site.acknowledge()
    site.acknowledge(again(NOW + 2 * HOUR, to=STRANGER))
    assert site.look(NOW + 11.5 * HOUR).result == ""
    assert site.states() == []
    assert site.one("SELECT count(*) FROM follow_up WHERE plan LIKE '%eve@%'") == (0,)


def test_when_somebody_else_joins_nobody_is_told_anything(site: Site) -> None:
    """It may be the customer himself from another address, who has his answer there."""
    site.acknowledge()
    joined(site, NOW + HOUR)
    assert site.look(LATE).result == ""
    assert site.states() == []


def test_an_update_that_waits_is_withdrawn_then(site: Site) -> None:
    site.acknowledge()
    site.look(LATE)
    joined(site, LATE + 1)
    assert site.send(LATE + 2) == []
    site.look(LATE + 3)
    assert site.one("SELECT promised FROM conversation") == (BY,), "what the customer was told"


def test_another_address_of_the_same_mail_is_the_customer(site: Site) -> None:
    site.acknowledge(writers=("joe@home.example",))
    joined(site, NOW + HOUR, "joe@home.example")
    assert site.look(LATE).result == "owed"


# Two mails of one customer.


def test_two_are_the_most_though_he_writes_again(site: Site) -> None:
    """Also where no survey keeps the row."""
    updated(site)
    (told,) = site.one("SELECT told FROM follow_up")
    assert isinstance(told, float)
    site.look(told - 600)
    site.send(told - 599)
    site.look(told - 598)
    site.connection.execute("DELETE FROM follow_up")
    site.acknowledge(again(told - 500))
    assert site.one("SELECT updates FROM follow_up") == (2,)


def test_one_that_was_never_sent_is_none_of_them(site: Site) -> None:
    """The next says else that it is not the first."""
    site.acknowledge()
    site.look(LATE)
    site.outbox.claim(BY + 1, 60.0, 10)
    site.look(BY + 2)
    site.acknowledge(again(BY + 3))
    assert site.one("SELECT updates FROM follow_up") == (0,)


def test_an_update_that_waits_does_not_follow_a_newer_acknowledgement(site: Site) -> None:
    """It would name another time than that one."""
    site.acknowledge()
    site.look(LATE)
    site.acknowledge(again(LATE + 1), sent=False)
    assert site.states() == [("update", "SUPPRESSED", "open")]
    assert site.send(LATE + 2) == ["ack"]
    site.look(LATE + 3)
    told, promised = site.one("SELECT told, promised FROM follow_up, conversation")
    assert told == promised == LATE + 1 + 10 * HOUR


def test_whoever_threatened_to_leave_is_not_asked_because_he_wrote_again(site: Site) -> None:
    judged = Triage(churn=Churn.HIGH)
    site.acknowledge(judged=judged)
    site.acknowledge(again(NOW + HOUR))
    assert site.one("SELECT wants FROM follow_up") == ("updates",)


# On its way.


def test_a_refused_one_is_not_tried_again_after_the_answer(site: Site) -> None:
    """The answer comes while the server thinks about it."""
    site.acknowledge()
    site.look(LATE)
    ((row,), _) = site.outbox.claim(LATE + 1, 60.0, 10)
    site.answer(LATE + 2)
    site.outbox.retry(row.key, LATE + 4, "451 later")
    assert site.send(LATE + 5) == []
    assert site.states() == [("update", "SUPPRESSED", "answered")]


def test_one_that_was_put_back_is_not_sent_after_the_answer(site: Site) -> None:
    site.acknowledge()
    site.look(LATE)
    ((row,), _) = site.outbox.claim(LATE + 1, 60.0, 10)
    site.answer(LATE + 2)
    site.outbox.hold([row.key], LATE + 4)
    assert site.send(LATE + 5) == []
    assert site.states() == [("update", "SUPPRESSED", "answered")]


def test_what_the_server_took_is_sent_whatever_came_meanwhile(site: Site) -> None:
    site.acknowledge()
    site.look(LATE)
    ((row,), _) = site.outbox.claim(LATE + 1, 60.0, 10)
    site.answer(LATE + 2)
    site.outbox.sent([row.key], LATE + 3)
    assert site.states() == [("update", "SENT", "")]


def test_a_mark_stops_what_waits(site: Site) -> None:
    site.acknowledge()
    site.look(LATE)
    with site.store.transaction():
        site.store.record_complaint(ORDER.to, LATE + 1)
    site.look(LATE + 2)
    assert site.send(LATE + 3) == []
    assert site.states() == [("update", "SUPPRESSED", "off")]


def test_an_opt_out_stops_the_survey_that_waits(site: Site) -> None:
    site.acknowledge()
    site.answer(NOW + HOUR)
    assert site.look(NOW + HOUR + DAY).result == "owed"
    with site.store.transaction():
        site.store.surveys.opt_out_address(ORDER.to, NOW + HOUR + DAY + 1)
    site.look(NOW + HOUR + DAY + 2)
    assert site.send(NOW + HOUR + DAY + 3) == []


def test_an_answer_heard_of_while_it_waits_stops_it(site: Site) -> None:
    """Of another node's answer the desk learns when it looks."""
    site.acknowledge()
    site.look(LATE)
    site.connection.execute("UPDATE conversation SET answered = ?", (LATE - 5,))
    site.look(LATE + 60)
    assert site.send(LATE + 61) == []


def test_a_survey_that_waits_is_not_sent_in_the_night(tmp_path: Path, site: Site) -> None:
    toml = TOML.replace('hours = "00:00-24:00"', 'hours = "08:00-20:00"')
    site.desk = dataclasses.replace(site.desk, config=read_config(tmp_path, toml))
    day = datetime.fromtimestamp(NOW + 2 * DAY, ZoneInfo("Europe/Berlin"))
    evening = day.replace(hour=19, minute=50).timestamp()
    site.acknowledge()
    site.answer(evening - DAY - 60)
    assert site.look(evening).result == "owed"
    assert site.outbox.claim(evening + 3 * HOUR, 60.0, 10).rows == []
    assert site.states() == [("survey", "EXPIRED", "J26")]
    assert site.one("SELECT count(*) FROM survey") == (0,), "nobody was asked"


def test_nor_an_update(tmp_path: Path, site: Site) -> None:
    toml = TOML.replace('hours = "00:00-24:00"', 'hours = "08:00-20:00"')
    site.desk = dataclasses.replace(site.desk, config=read_config(tmp_path, toml))
    day = datetime.fromtimestamp(NOW + 2 * DAY, ZoneInfo("Europe/Berlin"))
    evening = day.replace(hour=19, minute=55).timestamp()
    order = dataclasses.replace(FIRST, received=evening - 9 * HOUR, by=evening + HOUR)
    site.acknowledge(order)
    assert site.look(evening).result == "owed"
    assert site.send(evening + 1800) == []
    assert site.states() == [("update", "EXPIRED", "J26")]


# Settings that have changed.


@pytest.mark.parametrize(
    "changed",
    [
        TOML.replace("help@", "other@"),
        TOML.replace('updates = "send"', 'updates = "off"'),
        TOML.replace('name = "Desk', 'ack = "off"\nname = "Desk'),
        TOML.replace('name = "Desk', 'dry_run = true\nname = "Desk'),
    ],
)
def test_what_was_switched_off_is_not_sent_though_it_is_owed(
    site: Site, tmp_path: Path, changed: str
) -> None:
    site.acknowledge()
    site.look(LATE)
    other = read_config(tmp_path, changed)
    site.outbox.withdraw_others(allowed(other.mailboxes.mailboxes, other.follow_ups), LATE + 1)
    assert site.send(LATE + 2) == []
    assert site.states() == [("update", "SUPPRESSED", "off")]


def test_what_is_switched_on_stays(site: Site) -> None:
    site.acknowledge()
    site.look(LATE)
    config = site.config
    site.outbox.withdraw_others(allowed(config.mailboxes.mailboxes, config.follow_ups), LATE + 1)
    assert site.send(LATE + 2) == ["update"]


def test_an_address_that_has_become_ours_gets_nothing(site: Site, tmp_path: Path) -> None:
    site.acknowledge()
    more = TOML + f'\n[mailboxes."{ORDER.to}"]\n'
    site.desk = dataclasses.replace(site.desk, config=read_config(tmp_path, more))
    site.look(LATE)
    assert site.states() == []


def test_nor_one_that_is_exempt_by_now(site: Site, tmp_path: Path) -> None:
    site.acknowledge()
    more = TOML + f'\n[exempt]\nsenders = ["{ORDER.to}"]\n'
    site.desk = dataclasses.replace(site.desk, config=read_config(tmp_path, more))
    site.look(LATE)
    assert site.states() == []


# The customer has said that it is solved.


def test_after_solved_nothing_follows(site: Site) -> None:
    site.acknowledge()
    site.look(LATE)
    mail = Inbound(
        b"s" * 16, ORDER.mailbox, ORDER.to, "Re", "", "<s@customer.example>", (ORDER.message_id,),
        LATE + 1, "G1", "skipped", "human", "delivery", "normal", "en", "none", "reply", 0.0,
        settled=True,
    )  # fmt: skip
    with site.store.transaction():
        site.store.record_inbound(mail, None)
    assert site.states() == [("update", "SUPPRESSED", "settled")]
    site.answer(LATE + 60)
    assert site.look(LATE + 2 * DAY).result == ""
    assert len(site.states()) == 1


def test_nobody_else_can_say_so_and_be_thanked(site: Site) -> None:
    """Whoever else says it stops the updates, and that is all."""
    site.acknowledge()
    joined(site, LATE)
    assert site.states() == []
    assert site.one("SELECT wants FROM follow_up") == ("",)
    answer = Outbound(
        b"o" * 16, "<o@desk.example>", (ORDER.message_id,), LATE + 60, (ORDER.to,), automatic=False
    )
    with site.store.transaction():
        site.store.record_outbound(answer)
    assert site.look(LATE + 2 * DAY).result == ""


def test_what_was_put_off_by_a_wrong_clock_is_looked_at_again(site: Site) -> None:
    site.acknowledge()
    site.connection.execute("UPDATE follow_up SET due = ?", (NOW + 400 * DAY,))
    assert site.store.follow_ups.due(NOW, 10) == [1]


def test_mail_that_cannot_be_made_is_not_sent(site: Site, tmp_path: Path) -> None:
    site.acknowledge()
    plan = dataclasses.replace(FIRST, to="no address").to_json()
    site.connection.execute("UPDATE follow_up SET plan = ?", (plan,))
    found = site.look(NOW + 9 * HOUR)
    assert (found.result, found.level) == ("failed", "error")
    assert site.states() == []
    assert site.one("SELECT * FROM follow_up") == ()
