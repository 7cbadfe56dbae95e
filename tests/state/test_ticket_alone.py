"""An answer that refers to no mail, and bears its ticket in the subject: it stops the clock all the
same."""

import pytest

from tests.state.conftest import NOW, Desk, inbound, outbound

TICKET = "[Desk #17]"
CUSTOMER = inbound().address


@pytest.fixture
def known(desk: Desk) -> Desk:
    """A customer's mail, and the helpdesk's notice to its people, which tells the ticket."""
    desk.acknowledge(inbound())
    notice = outbound(
        "notice", NOW + 5, (inbound().message_id,),
        automatic=True, ticket=TICKET, recipients=("agents@desk.example",),
    )  # fmt: skip
    desk.goes_out(notice)
    return desk


def answered(desk: Desk, **changes: object) -> bool:
    return desk.goes_out(outbound("answer", NOW + 60, (), **changes)).conversation is not None


def test_the_ticket_finds_the_conversation(known: Desk) -> None:
    assert answered(known, ticket=TICKET, recipients=(CUSTOMER,))
    assert known._connection.execute("SELECT answered FROM conversation").fetchone() == (NOW + 60,)


@pytest.mark.parametrize(
    ("ticket", "recipient"),
    [(TICKET, "somebody@else.example"), ("[Desk #18]", CUSTOMER), ("", CUSTOMER)],
    ids=["another customer", "another ticket", "no ticket"],
)
def test_no_other_mail_does(known: Desk, ticket: str, recipient: str) -> None:
    assert not answered(known, ticket=ticket, recipients=(recipient,))
    assert known._connection.execute("SELECT answered FROM conversation").fetchone() == (0,)


def test_the_question_uses_an_index(known: Desk) -> None:
    plan = known._connection.execute(
        "EXPLAIN QUERY PLAN SELECT id FROM conversation WHERE ticket = ? AND ticket != ''"
        " AND customer = ? ORDER BY last_activity DESC LIMIT 1",
        (TICKET, b""),
    ).fetchall()
    assert "conversation_ticket" in str(plan)
