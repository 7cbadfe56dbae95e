"""Two machines that write to each other stop by themselves, and soon.

Between two installations of ours nothing goes back and forth at all. A robot that nobody could tell
from a human is stopped by the limits of rules F: two acknowledgements with one subject, ten with
changing ones, within three hours.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.support.background import logs_of_a_failure, open_directory
from tests.support.postfix import PrivatePostfix
from tests.support.serve import wait_for
from tests.support.sink import Sink
from tests.support.site import VOUCH, Site, running_site, settle, why_not
from tests.support.vacation import Manner, Robot, Vacation, why_no_vacation

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "Postfix is here"),
]

QUIET = '[ack.limits]\ncool_down = "0s"\n'
"""Without the cool-down, which would end each of these exchanges at once (rule F2)."""


@pytest.fixture(autouse=True)
def logs_of_failures(request: pytest.FixtureRequest) -> Iterator[None]:
    """For each test."""
    (name,) = {"pair", "site", "cautious_site"} & {*request.fixturenames}
    found = request.getfixturevalue(name)
    sites = (found.one, found.two) if isinstance(found, Pair) else (found,)
    logs = [log for site in sites for log in (site.service, site.postfix)]
    with logs_of_a_failure(request, *logs):
        yield


# Two installations.


@dataclass(frozen=True, slots=True)
class Pair:
    """Each has a mailbox help@, whose mail leaves for the other's by SMTP."""

    one: Site
    two: Site


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """For all tests of two installations."""
    with ExitStack() as running:
        one, two = (
            running.enter_context(running_site(domain=domain, toml=QUIET, main=VOUCH))
            for domain in ("one.example", "two.example")
        )
        for here, there in ((one, two), (two, one)):
            here.route(there.domain, f"smtp:[127.0.0.1]:{there.postfix.ports['mx']}")
        yield Pair(one, two)


def question(sender: str, to: str, number: int, header: str = "") -> bytes:
    """What a person writes."""
    return (
        f"From: {sender}\nTo: {to}\nSubject: Where is my parcel {number}?\n"
        f"Date: Mon, 23 Nov 2026 09:00:00 +0100\nMessage-ID: <q{number}@{sender.partition('@')[2]}>\n"
        f"{header}\nHello, my parcel has not come. Where is it?\n"
    ).encode()


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "unmarked"])
def test_two_installations_have_next_to_nothing_to_say_to_each_other(
    pair: Pair, marked: bool
) -> None:
    """An agent of the second writes to the first from its service mailbox, and a robot in that
    mailbox answers whatever comes: as helpdesks do, or without any mark."""
    one, two = pair.one, pair.two
    here, there = "help@two.example", "help@one.example"
    numbers = count(100 if marked else 200)
    before = len(one.acks()) + len(two.acks())

    def answer(mail: bytes) -> None:
        marks = b"Auto-Submitted: auto-replied\n" if marked else b""
        two.agent_writes(marks + mail, there, sender=here)

    with Robot(here, Manner(threads=True), answer) as robot:
        two.route(two.domain, f"lmtp:inet:127.0.0.1:{robot.port}")
        two.agent_writes(question(here, there, next(numbers)), there, sender=here)
        robot.wait(lambda _: bool(robot.deliveries))
        settle(one, two, idle=lambda: robot.idle)
        # The second strips what looks like its own header from the first's acknowledgement.
        (ack,) = robot.deliveries
        assert b"\r\nMessage-ID: <ack." in ack.content
        assert robot.answers == 1
        assert len(one.acks()) + len(two.acks()) == before, "nothing else left"
    rule = "B1" if marked else "G1"
    assert one.logged("event=mail ", f"ack_rule={rule} ")
    assert two.logged("event=mail ", "ack_rule=A1 ")


# One installation, and a robot that is like a human.


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """For all tests of one installation."""
    with running_site(toml=QUIET, main=VOUCH) as running:
        yield running


@pytest.fixture(scope="module")
def cautious_site() -> Iterator[Site]:
    """As shipped, with its cool-down."""
    with running_site(main=VOUCH) as running:
        yield running


def acknowledged(site: Site, name: str, manner: Manner) -> int:
    """Let a robot begin, wait for the end, and count the acknowledgements that it got."""
    address = f"kim@{name}.example"
    client = site.customer().client

    def send(mail: bytes) -> None:
        assert site.send(mail, sender=address, client=client).code == 250

    with Robot(address, manner, send) as robot:
        site.route(f"{name}.example", f"lmtp:inet:127.0.0.1:{robot.port}")
        send(question(address, "help@desk.example", 1))
        robot.wait(lambda _: bool(robot.deliveries))
        settle(site, idle=lambda: robot.idle)
        assert robot.answers == len(robot.deliveries), "it answers everything"
        return len(robot.deliveries)


@pytest.mark.parametrize(
    ("name", "manner", "acks"),
    [
        ("threading", Manner(threads=True), 1),
        ("threading-and-quoting", Manner(threads=True, quotes=True), 1),
        # The mail that began it, which had another, and two.
        ("same-subject", Manner(subject="My parcel"), 3),
        ("same-subject-and-quoting", Manner(subject="My parcel", quotes=True), 3),
        ("growing-subject", Manner(), 10),
        ("other-subject-each-time", Manner(subject="My parcel, {number}"), 10),
        ("growing-subject-and-quoting", Manner(quotes=True), 10),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_robot_like_a_human_is_stopped(site: Site, name: str, manner: Manner, acks: int) -> None:
    assert acknowledged(site, name, manner) == acks


@pytest.mark.parametrize(
    ("name", "manner"),
    [
        ("threading", Manner(threads=True)),
        ("same-subject", Manner(subject="My parcel")),
        ("growing-subject", Manner()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_cool_down_stops_it_after_the_first(
    cautious_site: Site, name: str, manner: Manner
) -> None:
    assert acknowledged(cautious_site, name, manner) == 1
    assert cautious_site.logged("event=mail ", "ack_rule=F2 ")


def test_a_robot_that_was_stopped_takes_nothing_from_others(site: Site) -> None:
    assert acknowledged(site, "greedy", Manner(subject="My parcel, {number}")) == 10
    customer = site.customer()
    site.write(customer)
    site.wait_for_ack(customer.address)


# A robot that exists.


@contextmanager
def machine_of_its_own(directory: Path, mx: int) -> Iterator[PrivatePostfix]:
    """Where the robot lives: what it writes to desk.example leaves by SMTP."""
    away = PrivatePostfix(
        directory,
        sink_port=1,
        sasl_port=1,
        services={"unused": {}},
        cleanups={"cleanup_local": {}},
    )
    with (away.config / "main.cf").open("a") as main:
        main.write(f"transport_maps = inline:{{ {{ desk.example = smtp:[127.0.0.1]:{mx} }} }}\n")
    with (away.config / "master.cf").open("a") as master:
        master.write("smtp unix - - n - - smtp\n")
    away.start()
    try:
        yield away
    finally:
        away.stop()


@pytest.mark.skipif(bool(why_no_vacation()), reason=why_no_vacation() or "it is here")
def test_the_vacation_program_of_debian_and_we_leave_each_other_alone(site: Site) -> None:
    """It answers neither the null sender nor Auto-Submitted, and marks what it writes."""
    owner = "kim@holiday.example"
    mx = site.postfix.ports["mx"]
    with Sink() as mailbox, open_directory() as root, machine_of_its_own(root, mx) as away:
        vacation = Vacation(root, owner, away.config)
        site.route("holiday.example", f"lmtp:inet:127.0.0.1:{mailbox.port}")

        site.send(question(owner, "help@desk.example", 1), sender=owner)
        vacation.receive(mailbox.one(owner))  # our acknowledgement
        away.wait_until_empty()
        assert "from=<" not in away.log(), "it has written nothing"

        answer = question("help@desk.example", owner, 2, "In-Reply-To: <q1@holiday.example>\n")
        site.agent_writes(answer, owner)
        mailbox.wait(lambda _: len(mailbox.to(owner)) == 2)
        vacation.receive(mailbox.to(owner)[-1])
        wait_for(lambda: "status=sent" in away.log(), "its answer to the agent")
        site.settle()
        assert len(mailbox.deliveries) == 2, "nobody has answered that"
