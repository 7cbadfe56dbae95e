"""A desk that leaves, since another takes its place: Postfix is not told to come again later.

For Postfix then waits for minutes, and nobody asks it: the successor has asked already. A client
that is about to hand over a mail is served; it is let go where it looks whether the connection is
still good, as Postfix does with RSET before it uses one again.
"""

import secrets
import time
from collections.abc import Callable

import pytest

from mailtriage.service.channel import DRAIN
from tests.desk.conftest import MAIL, House, Lmtp


def begin_to_leave(desk: House) -> None:
    """Tell it; it goes on until its sessions are through."""
    desk.controls["desk"].sendall(DRAIN)
    time.sleep(0.3)


def leave(desk: House) -> None:
    """Until it is gone."""
    assert desk.processes.pop("desk").wait(20) == 0, desk.log()
    desk.controls.pop("desk").close()


def unannounced(desk: House) -> Lmtp:
    """A client that has read the greeting, and said nothing yet."""
    return Lmtp(desk.port)


def announced(desk: House) -> Lmtp:
    """One that has said LHLO."""
    return desk.connect()


def reused(desk: House) -> Lmtp:
    """One that has delivered before, and found the connection still good."""
    client = desk.connect()
    assert client.deliver(MAIL, desk.recipient())[0].code == 250
    client.command("RSET")
    return client


@pytest.mark.parametrize("client_of", [unannounced, announced, reused], ids=lambda of: of.__name__)
def test_a_client_that_is_about_to_deliver_is_served(
    desk: House, client_of: Callable[[House], Lmtp]
) -> None:
    client = client_of(desk)
    begin_to_leave(desk)
    if client_of is unannounced:
        client.greeted()
    key = secrets.token_bytes(16)
    assert client.deliver(MAIL, desk.recipient(key))[0].code == 250
    assert client.receive().code == 421
    leave(desk)
    assert key in desk.rows()


def test_a_client_that_looks_whether_the_connection_is_still_good_is_let_go(desk: House) -> None:
    client = announced(desk)
    begin_to_leave(desk)
    client.command("RSET", 4)
    leave(desk)


def test_a_client_that_has_delivered_is_let_go_at_once(desk: House) -> None:
    client = desk.connect()
    assert client.deliver(MAIL, desk.recipient())[0].code == 250
    begin_to_leave(desk)
    leave(desk)
    assert client.receive().code == 421


def test_a_client_that_says_nothing_is_let_go_long_before_the_time_for_mails_is_up(
    desk: House,
) -> None:
    """The latter is three seconds here, as a slow mail may need."""
    client, slow = announced(desk), announced(desk)
    slow.envelope([desk.recipient()])
    begin_to_leave(desk)
    assert client.receive().code == 421
    slow.command("DATA", 3)
    slow.send(b"A: b\r\n\r\n.\r\n")
    assert slow.receive().code == 250
    leave(desk)
