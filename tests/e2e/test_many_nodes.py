"""Two mail servers, each with its own Postfix and its own mailtriage, and one Redis between them.

What a client is told last it may not hear: a customer's server that lost our 250 tries the other MX.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import default
from itertools import count
from pathlib import Path

import pytest

from mailtriage.state.sqlite import open_database
from tests.support.background import open_directory
from tests.support.redis_server import PASSWORD, RedisServer
from tests.support.redis_server import why_not as why_no_redis
from tests.support.serve import wait_for
from tests.support.site import Customer, Site, running_site, why_not

pytestmark = pytest.mark.e2e

DEFERRED = "deferred@desk.example"
MORE = """
[mailboxes."deferred@desk.example"]
ack = "deferred"
[metrics]
listen = ""
"""
NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Pair:
    """The two, and what they share."""

    mx1: Site
    mx2: Site
    redis: RedisServer

    def both(self) -> tuple[Site, Site]:
        """In the order of their MX."""
        return self.mx1, self.mx2

    def customer(self) -> Customer:
        """Somebody who has written to neither."""
        return Customer(next(NUMBERS))

    def acks_to(self, address: str) -> int:
        """By whichever node."""
        return sum(len(site.acks_to(address)) for site in self.both())

    def settle(self) -> None:
        """Until nothing is under way on either."""
        for site in (*self.both(), *self.both()):
            site.settle()

    def told(self) -> None:
        """Until Redis knows what both know."""
        for site in self.both():
            wait_for(lambda site=site: unshared(site) == 0, "sharing")  # type: ignore[misc] # a default


def unshared(site: Site) -> int:
    """Rows that a node has not told yet."""
    with closing(open_database(site.state, read_only=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM unshared").fetchone()[0])


def state_of(redis: RedisServer, password_file: Path) -> str:
    """[state] of a node."""
    return (
        f'url = "{redis.bare_url}"\npassword_file = "{password_file}"\n'
        'file = "{directory}/state/state.db"\nsecret_file = "{directory}/state/secret"\n'
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Both running."""
    if reason := why_not() or why_no_redis():
        pytest.skip(reason)
    with ExitStack() as running:
        directory = running.enter_context(open_directory())
        redis = running.enter_context(RedisServer(directory, "--appendonly", "yes"))
        (directory / "password").write_text(f"{PASSWORD}\n")
        state = state_of(redis, directory / "password")
        mx1 = running.enter_context(running_site(toml=MORE, state=state))
        secret = (mx1.directory / "state" / "secret").read_bytes()
        mx2 = running.enter_context(running_site(toml=MORE, state=state, secret=secret))
        yield Pair(mx1, mx2, redis)


@pytest.fixture(autouse=True)
def redis_is_well(pair: Pair, request: pytest.FixtureRequest) -> Iterator[None]:
    """At the beginning of each test; what was logged during one that failed is shown with it."""
    before = [len(site.service.log()) for site in pair.both()]
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        for site, at in zip(pair.both(), before, strict=True):
            print(site.service.log()[at:], site.postfix.log()[-4000:], sep="\n")


def helpdesk_mail(customer: Customer, *, to: str, subject: str, header: str = "") -> bytes:
    """What the helpdesk writes about the customer's mail."""
    return (
        f"From: Desk <{DEFERRED}>\nTo: {to}\nSubject: {subject}\n"
        f"Message-ID: <helpdesk-{customer.number}@desk.example>\n"
        f"In-Reply-To: {customer.message_id}\nReferences: {customer.message_id}\n{header}\n"
        "Hello\n"
    ).encode()


def waiting(site: Site) -> int:
    """Acknowledgements that wait for a ticket number."""
    return site.outbox().get("WAITING", 0)


def test_a_mail_that_comes_again_at_the_other_server_is_acknowledged_once(pair: Pair) -> None:
    customer = pair.customer()
    pair.mx1.write(customer)
    pair.mx2.write(customer)
    pair.settle()
    assert pair.acks_to(customer.address) == 1
    assert pair.mx2.arrived(customer.message_id)  # and the helpdesk got what was sent to it


def test_both_at_the_same_moment(pair: Pair) -> None:
    """Neither has told anything yet when the other asks: the first to ask has the mail."""
    customers = [pair.customer() for _ in range(10)]
    for customer in customers:
        with (
            pair.mx1.connect(customer.client) as one,
            pair.mx2.connect(customer.client) as other,
        ):
            for session in (one, other):
                to = f"help@{pair.mx1.domain}"
                reply = session.mail(customer.mail(), to, sender=customer.address)
                assert reply.code == 250
    pair.settle()
    assert [pair.acks_to(customer.address) for customer in customers] == [1] * 10


def test_an_answer_to_the_acknowledgement_belongs_to_its_conversation_on_both(pair: Pair) -> None:
    customer = pair.customer()
    pair.mx1.write(customer)
    ack = BytesParser(policy=default).parsebytes(pair.mx1.wait_for_ack(customer.address).content)
    pair.told()
    answer = customer.answer(ack, "It is number 4711.\nThank you.\n\nKim\nStreet 1\n")
    pair.mx2.write(customer, answer)
    pair.settle()
    (arrived,) = pair.mx2.arrived(customer.answer_id)
    assert arrived.tags["x-mailtriage-ack"] == "skipped"
    assert pair.acks_to(customer.address) == 1


def test_the_cool_down_holds_over_both(pair: Pair) -> None:
    customer = pair.customer()
    pair.mx1.write(customer)
    pair.mx1.wait_for_ack(customer.address)
    pair.told()
    second = customer.mail(subject="Something else altogether")
    second = second.replace(
        customer.message_id.encode(), b"<second-%d@x.example>" % customer.number
    )
    pair.mx2.write(customer, second)
    pair.settle()
    assert pair.acks_to(customer.address) == 1
    (arrived,) = pair.mx2.arrived(f"<second-{customer.number}@x.example>")
    assert arrived.tags["x-mailtriage-ack"] == "skipped"


@pytest.mark.parametrize("header", ["Auto-Submitted: auto-generated\n", ""], ids=["robot", "agent"])
def test_what_the_helpdesk_writes_through_one_withdraws_what_the_other_owes(
    pair: Pair, header: str
) -> None:
    customer = pair.customer()
    before = waiting(pair.mx1)
    pair.mx1.write(customer, to=DEFERRED)
    wait_for(lambda: waiting(pair.mx1) == before + 1, "the waiting acknowledgement")
    pair.told()
    mail = helpdesk_mail(customer, to=customer.address, subject="Your parcel", header=header)
    pair.mx2.agent_writes(mail, customer.address, sender=DEFERRED)
    wait_for(lambda: waiting(pair.mx1) == before, "its end")
    pair.settle()
    assert pair.acks_to(customer.address) == 0


def test_the_ticket_that_one_sees_goes_out_with_what_the_other_owes(pair: Pair) -> None:
    customer = pair.customer()
    before = waiting(pair.mx1)
    pair.mx1.write(customer, to=DEFERRED)
    wait_for(lambda: waiting(pair.mx1) == before + 1, "the waiting acknowledgement")
    pair.told()
    subject = "[desk #17] New ticket: Where is my parcel?"
    mail = helpdesk_mail(
        customer,
        to="agent@desk.example",
        subject=subject,
        header="Auto-Submitted: auto-generated\n",
    )
    pair.mx2.agent_writes(mail, "agent@desk.example", sender=DEFERRED)
    ack = BytesParser(policy=default).parsebytes(pair.mx1.wait_for_ack(customer.address).content)
    assert ack["Subject"].endswith("[desk #17]")
    assert pair.acks_to(customer.address) == 1


def test_while_redis_is_away_mail_goes_on_and_what_happened_is_told_later(pair: Pair) -> None:
    pair.redis.kill()
    here, there = pair.customer(), pair.customer()
    pair.mx1.write(here)
    pair.mx2.write(there)
    pair.mx1.wait_for_ack(here.address)
    pair.mx2.wait_for_ack(there.address)
    assert unshared(pair.mx1) > 0
    pair.redis.start()
    pair.told()
    wait_for(lambda: usable_again(pair.mx1) and usable_again(pair.mx2), "Redis in use again")
    pair.mx2.write(here)
    pair.mx1.write(there)
    pair.settle()
    assert [pair.acks_to(one.address) for one in (here, there)] == [1, 1]


def usable_again(site: Site) -> bool:
    """By the last that its log says."""
    lines = [line for line in site.service.log().splitlines() if "event=shared-state" in line]
    return bool(lines) and "state=usable" in lines[-1]


def test_a_redis_that_hangs_delays_nobody_and_loses_nothing(pair: Pair) -> None:
    pair.redis.freeze()
    try:
        customers = [pair.customer() for _ in range(4)]
        for customer in customers:
            pair.mx1.write(customer)
        for customer in customers:
            pair.mx1.wait_for_ack(customer.address)
    finally:
        pair.redis.thaw()
    pair.told()
    pair.settle()
    assert [pair.acks_to(customer.address) for customer in customers] == [1] * 4
    for customer in customers:
        (arrived,) = pair.mx1.arrived(customer.message_id)
        assert arrived.tags["x-mailtriage-status"] == "ok"


def test_the_password_stands_nowhere(pair: Pair) -> None:
    for site in pair.both():
        assert PASSWORD not in site.service.log()
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert PASSWORD.encode() not in process.read_bytes()
            except OSError:
                continue
