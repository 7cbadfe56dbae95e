"""Whatever fails, whenever: who was told "250" hears once, who was refused never, and mail flows.

Postfix would come back to what it could not deliver only after an hour here: what comes sooner was
asked for.
"""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pytest

from tests.support.mails import ours
from tests.support.refusing_milter import Answer, RefusingMilter
from tests.support.serve import alive, wait_for
from tests.support.sink import Delivery
from tests.support.site import HELP, Customer, Site, running_site, why_not
from tests.support.smtp import SmtpReply, stuffed

pytestmark = pytest.mark.e2e

PATIENT = "postconf -e minimal_backoff_time=1h maximal_backoff_time=1h queue_run_delay=1h"

LIMITS = """
[mailboxes."sales@desk.example"]
[ack.limits]
cool_down = "0s"
per_hour = 1000000
burst = 1000000
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A site with two more milters: one beside ours, at the smtpd services "earlier" and "later";
    one behind the signer at the port, to hold acknowledgements up."""

    site: Site
    other: RefusingMilter
    gate: RefusingMilter


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """For all tests of this file."""
    if reason := why_not():
        pytest.skip(reason)
    with RefusingMilter() as other, RefusingMilter() as gate:
        services = {
            "earlier": {"smtpd_milters": f"{other.address}, $mailtriage_milter"},
            "later": {"smtpd_milters": f"$mailtriage_milter, {other.address}"},
        }
        with running_site(
            toml=LIMITS, services=services, main=PATIENT, signers=gate.address
        ) as site:
            yield Place(site, other, gate)


@pytest.fixture
def site(place: Place) -> Site:
    """Most tests want nothing else."""
    return place.site


@pytest.fixture(autouse=True)
def logs_of_failures(place: Place, request: pytest.FixtureRequest) -> Iterator[None]:
    """What was logged during a test that failed is shown with it."""
    site = place.site
    before, failed = (len(site.service.log()), len(site.postfix.log())), request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        print(site.service.log()[before[0] :], site.postfix.log()[before[1] :][-8000:], sep="\n")


def message_id(delivery: Delivery) -> str:
    """Of an acknowledgement."""
    return dict(delivery.header)["Message-ID"]


def one_ack(site: Site, customer: Customer) -> Delivery:
    """The only one that this customer got, when all is quiet."""
    site.wait_for_ack(customer.address)
    site.settle()
    (ack,) = site.acks_to(customer.address)
    return ack


def post(
    site: Site, customer: Customer, *, service: str = "mx", recipients: tuple[str, ...] = (HELP,)
) -> SmtpReply:
    """A customer's mail, whatever becomes of it."""
    with site.connect(customer.client, service) as session:
        return session.mail(customer.mail(), *recipients, sender=customer.address)


# Mail that is not taken.


@pytest.mark.parametrize("service", ["earlier", "later"])
@pytest.mark.parametrize(
    ("answer", "code"), [("reject", 550), ("tempfail", 451), ("discard", 250)], ids=str
)
def test_nobody_hears_of_mail_that_another_milter_takes_away(
    place: Place, service: str, answer: Answer, code: int
) -> None:
    site, customer = place.site, place.site.customer()
    place.other.answer = answer
    log = len(site.service.log())
    try:
        assert post(site, customer, service=service).code == code
    finally:
        place.other.answer = "continue"
    site.settle()
    assert "event=desk " not in site.service.log()[log:]
    assert site.acks_to(customer.address) == []


def test_a_mail_that_is_taken_at_the_second_attempt_gets_one(place: Place) -> None:
    """The refused attempt has left no trace at the desk, or it would count as handled."""
    site, customer = place.site, place.site.customer()
    place.other.answer = "tempfail"
    try:
        assert post(site, customer, service="later").code == 451
    finally:
        place.other.answer = "continue"
    assert post(site, customer, service="later").code == 250
    one_ack(site, customer)
    assert len(site.arrived(customer.message_id)) == 1


# Mail that is taken twice.


def test_a_client_that_misses_the_reply_and_comes_again_gets_one(site: Site) -> None:
    """Postfix keeps what it has, though the client is gone (RFC 1047): two mails, one queue id
    each."""
    customer = site.customer()
    session = site.connect(customer.client)
    session.envelope([HELP], customer.address)
    session.command("DATA", 3)
    session.send(stuffed(customer.mail()))
    session.drop()
    site.write(customer)
    assert len(site.arrived(customer.message_id, 2)) == 2
    one_ack(site, customer)


@pytest.mark.parametrize(
    "held", ["lmtp", "lmtp mailtriage"], ids=["after-the-desk", "before-the-desk"]
)
def test_a_mail_that_is_requeued_gets_one(site: Site, held: str) -> None:
    """postsuper -r: cleanup sees the mail once more, milters do not. Its header checks do, and take
    our tags for forged ones: the desk then works from the mail."""
    customer = site.customer()
    sent = site.outbox().get("SENT", 0)
    site.administer(f"postconf -e 'defer_transports = {held}'")
    try:
        queue_id = site.write(customer)
        if held == "lmtp":
            wait_for(lambda: site.outbox().get("SENT", 0) > sent, "the acknowledgement")
        wait_for(lambda: f"{queue_id}: to=<{HELP}>" in site.postfix.log(), "the deferral")
        site.run("postsuper", "-r", "ALL")
    finally:
        site.administer("postconf -e 'defer_transports ='")
    wait_for(lambda: site.is_kicked("pickup"), "pickup, which looks every minute, or when told")
    one_ack(site, customer)
    assert len(site.arrived(customer.message_id)) == 1


# Processes that are down or die.


def test_what_passes_while_nothing_of_ours_runs_is_acknowledged_later(site: Site) -> None:
    """Through the sweeper, by the desk alone: the same rules, and one for a mail to two."""
    human, robot, to_both = site.customer(), site.customer(), site.customer()
    both = (HELP, "sales@desk.example")
    site.service.stop()
    site.write(human)
    site.write(robot, robot.mail(header="Auto-Submitted: auto-replied\n"))
    content = to_both.mail(to=", ".join(both))
    with site.connect(to_both.client) as session:
        assert session.mail(content, *both, sender=to_both.address).code == 250
    (mail,) = site.arrived(human.message_id)
    assert ours(mail.header) == []
    site.service.start()
    one_ack(site, human)
    one_ack(site, to_both)
    assert site.acks_to(robot.address) == []


def kill(site: Site, role: str) -> None:
    """Without a word of warning; waits until it is gone."""
    (victim,) = site.service.workers(role)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: not alive(victim), "its end")


@contextmanager
def desk_cannot_write(site: Site) -> Iterator[None]:
    """Somebody else holds the database: what the desk has in hand, it cannot finish."""
    with closing(sqlite3.connect(site.state, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_desk_that_dies_with_a_mail_in_hand_asks_for_it_again(site: Site) -> None:
    customer = site.customer()
    with desk_cannot_write(site):
        site.write(customer)
        site.arrived(customer.message_id)
        time.sleep(0.3)  # it most likely has the mail now; if not, that is no harder
        kill(site, "desk")
    one_ack(site, customer)


def test_a_sender_that_dies_loses_nothing_and_what_it_repeats_is_the_same(place: Place) -> None:
    """Killed between the dot and the reply, nobody knows whether Postfix has it. Here it has."""
    site, customer = place.site, place.site.customer()
    seen = place.gate.seen
    place.gate.may_answer.clear()
    try:
        site.write(customer)
        wait_for(lambda: place.gate.seen > seen, "the acknowledgement, before its reply")
        kill(site, "acks")
    finally:
        place.gate.may_answer.set()
    site.wait_for_ack(customer.address)
    assert site.outbox()["SENDING"] == 1, "claimed, until the lease ends"
    with closing(sqlite3.connect(site.state)) as database, database:
        database.execute("UPDATE outbox SET due = 0 WHERE state = 'SENDING'")
    site.world.wait(lambda _: len(site.acks_to(customer.address)) == 2)
    site.settle()
    first, second = site.acks_to(customer.address)
    assert message_id(first) == message_id(second)
    assert written(first) == written(second)


def written(ack: Delivery) -> bytes:
    """What the desk wrote, without what signer and Postfix have put on top."""
    return ack.content.partition(b"\r\nFrom: ")[2]


def restart(site: Site) -> None:
    """As systemctl restart does."""
    site.service.stop()
    site.service.start()


def kill_supervisor(site: Site) -> None:
    """And all that it started follows by itself."""
    os.kill(site.service.pid, signal.SIGKILL)
    wait_for(site.service.gone, "its end")
    site.service.start()


def reload(site: Site) -> None:
    """As systemctl reload does."""
    site.service.reload()


@pytest.mark.parametrize(
    "interrupt", [restart, kill_supervisor, reload], ids=lambda how: how.__name__
)
def test_what_is_owed_survives(place: Place, interrupt: Callable[[Site], None]) -> None:
    site, customer = place.site, place.site.customer()
    place.gate.answer = "tempfail"
    try:
        site.write(customer)
        wait_for(lambda: site.outbox().get("RETRY") == 1, "the refusal")
        interrupt(site)
    finally:
        place.gate.answer = "continue"
    one_ack(site, customer)


def test_an_agent_who_is_quicker_makes_it_superfluous(place: Place) -> None:
    site, customer = place.site, place.site.customer()
    place.gate.answer = "tempfail"
    try:
        site.write(customer)
        wait_for(lambda: site.outbox().get("RETRY") == 1, "the refusal")
        mail = (
            f"From: {HELP}\nTo: {customer.address}\nSubject: Re: parcel\n"
            f"Message-ID: <quick@desk.example>\nIn-Reply-To: {customer.message_id}\n\nDone!\n"
        )
        site.agent_writes(mail.encode(), customer.address)
        assert site.logged("event=desk ", "outcome=answered ", "suppressed=1 ")
    finally:
        place.gate.answer = "continue"
    site.settle()
    assert site.acks_to(customer.address) == []


def test_while_the_port_is_closed_mail_flows_and_acknowledgements_wait(site: Site) -> None:
    """For as long as it takes: a server that is down uses up nobody's attempts."""
    customers = [site.customer() for _ in range(8)]
    site.close_port()
    site.service.reload()  # the new sender has no connection from before
    log = len(site.service.log())
    try:
        for customer in customers:
            site.write(customer)
        for customer in customers:
            assert site.arrived(customer.message_id)[0].tags["x-mailtriage-ack"] == "sent"
        wait_for(lambda: "event=ack-server state=down" in site.service.log()[log:], "the breaker")
        assert site.owed() == len(customers)
    finally:
        site.wire()
    for customer in customers:
        one_ack(site, customer)
    assert site.logged("event=ack-server ", "state=up ")


def test_reloads_under_load_lose_and_double_nothing(site: Site) -> None:
    over = threading.Event()
    served: list[Customer] = []

    def client() -> None:
        while not over.is_set():
            customer = site.customer()
            site.write(customer)
            served.append(customer)
            time.sleep(0.1)

    with ThreadPoolExecutor(3) as pool:
        clients = [pool.submit(client) for _ in range(3)]
        try:
            for _ in range(3):
                site.service.reload()
        finally:
            over.set()
        for finished in clients:
            finished.result()
    for customer in served:
        site.wait_for_ack(customer.address)
    site.settle()
    numbers = [len(site.acks_to(customer.address)) for customer in served]
    assert len(numbers) > 10
    assert numbers == [1] * len(numbers)
