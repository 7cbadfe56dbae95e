"""Which mails belong together, and what each does to the clock."""

import dataclasses
import sqlite3
from collections.abc import Callable

import pytest

from mailtriage.state.ledger import Conversation
from mailtriage.state.outbox import Outbox
from mailtriage.state.store import OutboundEffect, WaitingAck
from tests.state.conftest import (
    DAY,
    HOUR,
    JOE,
    MINUTE,
    NOW,
    Desk,
    ack_id,
    inbound,
    key_of,
    outbound,
    question,
)  # fmt: skip

StateOf = Callable[[str], tuple[str, str]]


def conversation(desk: Desk, *references: str, **changes: object) -> Conversation | None:
    """What a mail that refers to these would be told."""
    return desk.look_up(question(references=references, **changes)).conversation  # type: ignore[arg-type]


class TestMailsThatComeIn:
    def test_a_new_mail_begins_a_conversation(self, desk: Desk) -> None:
        desk.acknowledge(inbound("m1", NOW))
        found = conversation(desk, "<m1@customer.example>")
        assert found is not None
        assert found == Conversation(
            id=found.id, same_sender=True, last_activity=NOW, answered=0, acknowledged=NOW,
            promised=NOW + 8 * HOUR, unanswered=0, skill="delivery", language="en",
        )  # fmt: skip

    @pytest.mark.parametrize(
        "references",
        [
            ("<m1@customer.example>",),
            (ack_id("m1"),),
            (ack_id("m1").upper().replace("DESK.EXAMPLE", "desk.example"),),
            ("<unknown@else.example>", "<m1@customer.example>", ack_id("m1")),
            ("<m1@customer.example>", "<unknown@else.example>"),
        ],
    )
    def test_it_is_found_by_any_message_id_of_it(
        self, desk: Desk, references: tuple[str, ...]
    ) -> None:
        desk.acknowledge(inbound("m1"))
        assert conversation(desk, *references) is not None

    @pytest.mark.parametrize(
        "references",
        [
            (),
            ("<m2@customer.example>",),
            (ack_id("m2"),),
            (ack_id("m1")[:40] + "aaaaaaaaaaaaa@desk.example>",),
            ("<next@customer.example>",),
        ],
    )
    def test_it_is_not_found_by_others(self, desk: Desk, references: tuple[str, ...]) -> None:
        desk.acknowledge(inbound("m1"))
        assert conversation(desk, *references) is None

    def test_the_newest_reference_that_is_known_decides(self, desk: Desk) -> None:
        desk.acknowledge(inbound("m1"))
        desk.acknowledge(inbound("m2"))
        first = conversation(desk, "<m1@customer.example>")
        assert first == conversation(desk, "<m2@customer.example>", "<m1@customer.example>")
        assert first != conversation(desk, "<m1@customer.example>", "<m2@customer.example>")

    def test_follow_ups_are_counted_since_the_acknowledgement(self, desk: Desk) -> None:
        desk.acknowledge(inbound("m1", NOW))
        for number in range(1, 6):
            follow_up = inbound(f"f{number}", NOW + number, references=(ack_id("m1"),))
            desk.refuse(follow_up)
            found = conversation(desk, f"<f{number}@customer.example>")
            assert found is not None
            assert (found.unanswered, found.last_activity) == (number, NOW + number)
            assert (found.acknowledged, found.promised) == (NOW, NOW + 8 * HOUR)

    def test_an_old_one_that_is_acknowledged_again_counts_anew(self, desk: Desk) -> None:
        desk.acknowledge(inbound("m1", NOW))
        desk.refuse(inbound("m2", NOW + 1, references=("<m1@customer.example>",)))
        later = NOW + 20 * DAY
        desk.acknowledge(inbound("m3", later, references=("<m1@customer.example>",)))
        found = conversation(desk, "<m2@customer.example>")
        assert found is not None
        assert found == conversation(desk, "<m3@customer.example>")
        assert (found.acknowledged, found.promised, found.unanswered) == (
            later,
            later + 8 * HOUR,
            0,
        )

    def test_one_that_was_never_acknowledged(self, desk: Desk) -> None:
        desk.refuse(inbound("m1"), "D5")
        found = conversation(desk, "<m1@customer.example>")
        assert found is not None
        assert (found.acknowledged, found.unanswered) == (0, 1)

    def test_somebody_else_joins(self, desk: Desk) -> None:
        desk.acknowledge(inbound("m1"))
        boss = "boss@customer.example"
        refers = ("<m1@customer.example>",)
        desk.refuse(inbound("m2", NOW + 5, address=boss, references=refers), "G6")
        mine, hers = (conversation(desk, "<m2@customer.example>", address=a) for a in (JOE, boss))
        assert mine is not None
        assert hers is not None
        assert mine.id == hers.id
        assert (mine.same_sender, hers.same_sender) == (True, False)

    def test_nobody_is_the_same_sender_as_nobody(self, desk: Desk) -> None:
        desk.refuse(inbound("m1", address=""), "A1")
        found = conversation(desk, "<m1@customer.example>", address="")
        assert found is not None
        assert not found.same_sender

    def test_a_copied_message_id_takes_over_nothing(self, desk: Desk) -> None:
        desk.acknowledge(inbound("m1"))
        mine = conversation(desk, "<m1@customer.example>")
        thief = inbound("m2", address="thief@evil.example", message_id="<m1@customer.example>")
        desk.acknowledge(thief)
        assert conversation(desk, "<m1@customer.example>") == mine

    def test_a_mail_without_a_message_id(self, desk: Desk) -> None:
        desk.acknowledge(inbound("m1", message_id=""))
        assert conversation(desk, "") is None
        assert conversation(desk, ack_id("m1")) is not None

    def test_the_same_mail_again_has_no_effect(
        self, desk: Desk, connection: sqlite3.Connection
    ) -> None:
        desk.acknowledge(inbound("m1", NOW))
        before = list(connection.iterdump())
        desk.acknowledge(inbound("m1", NOW + 5, subject="Another"))
        desk.refuse(inbound("m1", NOW + 9))
        assert list(connection.iterdump()) == before


class TestAnswersOfHumans:
    def test_the_clock_stops_and_counting_begins_anew(self, desk: Desk) -> None:
        desk.acknowledge(inbound("m1", NOW))
        desk.refuse(inbound("m2", NOW + 5, references=("<m1@customer.example>",)))
        desk.goes_out(outbound("o1", NOW + HOUR, ("<m2@customer.example>",)))
        found = conversation(desk, "<o1@desk.example>")
        assert found is not None
        assert (found.answered, found.unanswered) == (NOW + HOUR, 0)
        assert found.last_activity == NOW + HOUR

    def test_by_our_acknowledgement_too(self, desk: Desk) -> None:
        desk.acknowledge(inbound("m1"))
        assert desk.goes_out(outbound("o1", NOW + 5, (ack_id("m1"),))).conversation is not None

    def test_what_belongs_to_nothing_leaves_nothing(
        self, desk: Desk, connection: sqlite3.Connection
    ) -> None:
        before = list(connection.iterdump())
        assert desk.goes_out(outbound("o1", NOW, ("<x@else.example>",))) == OutboundEffect()
        assert list(connection.iterdump()) == before

    def test_what_is_owed_need_not_go_out(self, desk: Desk, state_of: StateOf) -> None:
        desk.acknowledge(inbound("m1", NOW))
        effect = desk.goes_out(outbound("o1", NOW + 1, ("<m1@customer.example>",)))
        assert effect.suppressed == (key_of("m1"),)
        assert not effect.double_ack
        assert state_of("m1") == ("SUPPRESSED", "answered")

    def test_what_is_on_its_way_or_gone_is_left_alone(
        self, desk: Desk, connection: sqlite3.Connection, state_of: StateOf
    ) -> None:
        desk.acknowledge(inbound("m1", NOW))
        Outbox(connection).claim(NOW, 60, 10)
        effect = desk.goes_out(outbound("o1", NOW + 1, ("<m1@customer.example>",)))
        assert effect.suppressed == ()
        assert state_of("m1") == ("SENDING", "")

    def test_a_question_to_a_colleague_is_no_answer(self, desk: Desk, state_of: StateOf) -> None:
        desk.acknowledge(inbound("m1", NOW))
        inside = ("mary@desk.example",)
        forward = outbound("o1", NOW + 1, ("<m1@customer.example>",), recipients=inside)
        effect = desk.goes_out(forward)
        assert effect.suppressed == ()
        assert state_of("m1") == ("READY", "")
        found = conversation(desk, "<o1@desk.example>")
        assert found is not None
        assert found.answered == 0

    @pytest.mark.parametrize(
        "recipients",
        [(), ("JOE@customer.example",), ("mary@desk.example", JOE), ("joe@private.example",)],
    )
    def test_an_answer_to_any_address_of_the_customer(
        self, desk: Desk, recipients: tuple[str, ...]
    ) -> None:
        desk.acknowledge(inbound("m1", writers=(JOE, "joe@private.example", "")))
        refers = ("<m1@customer.example>",)
        desk.goes_out(outbound("o1", NOW + 1, refers, recipients=recipients))
        found = conversation(desk, "<m1@customer.example>")
        assert found is not None
        assert found.answered == NOW + 1

    def test_the_same_answer_again_has_no_effect(self, desk: Desk) -> None:
        desk.acknowledge(inbound("m1", NOW))
        answer = outbound("o1", NOW + 1, ("<m1@customer.example>",))
        first = desk.goes_out(answer)
        desk.refuse(inbound("m2", NOW + 2, references=("<o1@desk.example>",)))
        assert desk.goes_out(answer) == OutboundEffect(first.conversation)
        found = conversation(desk, "<m1@customer.example>")
        assert found is not None
        assert found.unanswered == 1


class TestMailsOfTheHelpdesk:
    """Automatic ones: rule G8, exactly one system acknowledges."""

    def test_its_own_acknowledgement_comes_before_ours(self, desk: Desk, state_of: StateOf) -> None:
        desk.acknowledge(inbound("m1", NOW))
        refers = ("<m1@customer.example>",)
        effect = desk.goes_out(outbound("o1", NOW + 1, refers, automatic=True))
        assert effect.suppressed == (key_of("m1"),)
        assert not effect.double_ack
        assert state_of("m1") == ("SUPPRESSED", "G8")
        found = conversation(desk, "<m1@customer.example>")
        assert found is not None
        assert (found.answered, found.acknowledged) == (0, NOW)

    @pytest.mark.parametrize("sent", [False, True])
    def test_ours_was_quicker(
        self, desk: Desk, connection: sqlite3.Connection, *, sent: bool
    ) -> None:
        desk.acknowledge(inbound("m1", NOW))
        outbox = Outbox(connection)
        outbox.claim(NOW, 60, 10)
        if sent:
            outbox.sent([key_of("m1")], NOW)
        refers = ("<m1@customer.example>",)
        effect = desk.goes_out(outbound("o1", NOW + 5 * MINUTE, refers, automatic=True))
        assert effect.double_ack
        assert effect.suppressed == ()

    @pytest.mark.parametrize(
        "harmless",
        [
            {"sent": NOW + DAY},  # the notice that the case is closed
            {"recipients": ("agents@desk.example",)},
            {"recipients": ()},
        ],
    )
    def test_no_double(
        self, desk: Desk, connection: sqlite3.Connection, harmless: dict[str, object]
    ) -> None:
        desk.acknowledge(inbound("m1", NOW))
        outbox = Outbox(connection)
        outbox.claim(NOW, 60, 10)
        outbox.sent([key_of("m1")], NOW)
        notice = outbound("o1", NOW + 1, ("<m1@customer.example>",), automatic=True)
        assert not desk.goes_out(dataclasses.replace(notice, **harmless)).double_ack  # type: ignore[arg-type]

    def test_a_notice_to_agents_suppresses_nothing(self, desk: Desk, state_of: StateOf) -> None:
        desk.acknowledge(inbound("m1", NOW))
        refers = ("<m1@customer.example>",)
        for name, recipients in (("o1", ("agents@desk.example",)), ("o2", ())):
            notice = outbound(name, NOW + 1, refers, automatic=True, recipients=recipients)
            assert desk.goes_out(notice).suppressed == ()
        assert state_of("m1") == ("READY", "")

    def test_where_it_acknowledges_by_itself(self, desk: Desk) -> None:
        delegated = inbound("m1", NOW, announced="delegated", promised=0.0)
        with desk.transaction():
            desk.record_inbound(delegated, None)
        refers = ("<m1@customer.example>",)
        effect = desk.goes_out(outbound("o1", NOW + 3, refers, automatic=True))
        assert not effect.double_ack
        found = conversation(desk, "<o1@desk.example>")
        assert found is not None
        assert (found.acknowledged, found.unanswered) == (NOW + 3, 0)


class TestDeferredAcknowledgements:
    @pytest.fixture(autouse=True)
    def waiting(self, desk: Desk) -> None:
        """One that waits for the ticket."""
        due = NOW + 5 * MINUTE
        desk.acknowledge(inbound("m1", NOW), waiting=True, order='{"to": "joe"}', due=due)

    @pytest.mark.parametrize("recipients", [(), ("agents@desk.example",)])
    def test_the_ticket_is_learnt_from_a_notice_to_agents(
        self, desk: Desk, state_of: StateOf, connection: sqlite3.Connection,
        recipients: tuple[str, ...],
    ) -> None:  # fmt: skip
        notice = outbound(
            "o1", NOW + 2, ("<m1@customer.example>",),
            automatic=True, recipients=recipients, ticket="[rt #12]",
        )  # fmt: skip
        effect = desk.goes_out(notice)
        assert effect.release == (WaitingAck(key_of("m1"), '{"to": "joe"}'),)
        assert state_of("m1") == ("WAITING", "")
        desk.release(key_of("m1"), b"with [rt #12]", NOW + 2)
        (row,) = Outbox(connection).claim(NOW + 2, 60, 10).rows
        assert row.message == b"with [rt #12]"

    def test_a_notice_without_a_ticket_tells_nothing(self, desk: Desk) -> None:
        notice = outbound("o1", NOW + 2, ("<m1@customer.example>",), automatic=True, recipients=())
        assert desk.goes_out(notice).release == ()

    def test_the_helpdesk_told_the_customer_itself(self, desk: Desk, state_of: StateOf) -> None:
        refers = ("<m1@customer.example>",)
        told = outbound("o1", NOW + 2, refers, automatic=True, ticket="[rt #12]")
        effect = desk.goes_out(told)
        assert effect.release == ()
        assert state_of("m1") == ("SUPPRESSED", "G8")

    def test_a_human_was_quicker(self, desk: Desk, state_of: StateOf) -> None:
        effect = desk.goes_out(outbound("o1", NOW + 2, ("<m1@customer.example>",), ticket="#12"))
        assert effect.release == ()
        assert state_of("m1") == ("SUPPRESSED", "answered")
