"""The judge of a soak run finds what grows, and nothing where nothing does; so do the other counts."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.soak.judge import Trend, is_whole, thirds, trends
from tests.soak.letters import Letter, number_of
from tests.soak.pace import FALL, LONG, Pace
from tests.soak.postfix_log import trouble
from tests.soak.samples import SUPERVISOR, Process, Sample
from tests.soak.world import World
from tests.support.mails import TAG_NAMES
from tests.support.sink import Delivery
from tests.support.site import HELP

WANTED = {"milter": 2, "desk": 1}
ROLES = (SUPERVISOR, "milter", "milter", "desk")
Grow = Callable[[Process, float], Process]


def _samples(grow: Grow, seconds: int = 300, age: float = 60.0) -> list[Sample]:
    """A stretch of a service whose processes change with time as `grow` says."""
    rng = random.Random(5)
    found = []
    for at in range(0, seconds, 2):
        processes = tuple(
            Process(pid, role, age + at, 100 + rng.random(), 30 + rng.random(), 12)
            for pid, role in enumerate(ROLES)
        )
        found.append(Sample(at, tuple(grow(one, at / seconds) for one in processes)))
    return found


def _failed(found: list[Trend]) -> set[str]:
    return {one.what for one in found if one.failed}


def _same(process: Process, _: float) -> Process:
    return process


def _heap(process: Process, share: float) -> Process:
    """A desk that keeps something of each mail: 12 MB by the end."""
    more = 12 * share if process.role == "desk" else 0.0
    return replace(process, rss=process.rss + more, pss=process.pss + more)


def _sockets(process: Process, share: float) -> Process:
    """A supervisor that forgets to close one descriptor a reload."""
    more = int(10 * share) if process.role == SUPERVISOR else 0
    return replace(process, descriptors=process.descriptors + more)


def test_what_does_not_change_is_flat() -> None:
    assert not _failed(trends(_samples(_same), WANTED, each=True))


def test_a_process_that_grows_is_named() -> None:
    assert _failed(trends(_samples(_heap), WANTED, each=True)) == {
        "memory of all (PSS)",
        "memory of desk (RSS)",
    }


def test_descriptors_that_stay_open_are_found() -> None:
    found = _failed(trends(_samples(_sockets), WANTED, each=False))
    assert f"descriptors of {SUPERVISOR}" in found
    assert not any("memory" in what for what in found)


def test_a_leak_is_found_although_its_processes_are_replaced_now_and_then() -> None:
    """Their successors are forks of a supervisor that grows, or grow as they did."""

    def forked(process: Process, share: float) -> Process:
        grown = replace(process, pss=process.pss * (1 + 0.2 * share))
        return replace(grown, pid=process.pid + 10 * int(share * 7), age=20.0)

    found = trends(_samples(forked), WANTED, each=False)
    assert "memory of all (PSS)" in _failed(found)


def test_growth_before_the_warm_up_is_over_does_not_count() -> None:
    def early(process: Process, share: float) -> Process:
        return replace(process, rss=process.rss * (0.5 + min(share, 0.2)))

    samples = _samples(early)
    assert _failed(trends(samples, WANTED, each=True))
    assert not _failed(trends(samples, WANTED, each=True, since=75.0))


def test_a_reload_under_way_is_not_looked_at() -> None:
    """Two generations at once hold more memory than one, and it is not the reload that leaks."""
    late = _samples(_same)
    double = [replace(one, processes=one.processes * 2) for one in late[-40:]]
    assert not any(is_whole(one, WANTED) for one in double)
    found = trends([*late, *double], WANTED, each=False)
    assert not _failed(found)
    assert {one.samples for one in found} == {len(late)}


def test_new_processes_are_not_looked_at() -> None:
    newborn = _samples(lambda process, _: replace(process, age=1.0))
    assert not any(is_whole(one, WANTED) for one in newborn)


def test_what_comes_and_goes_is_left_out() -> None:
    def with_helper(sample: Sample) -> Sample:
        helper = Process(99, "cat", 50.0, 10 * sample.at, 10 * sample.at, int(sample.at))
        return replace(sample, processes=(*sample.processes, helper))

    samples = [with_helper(one) for one in _samples(_same)]
    assert not _failed(trends(samples, WANTED, each=True))


def test_without_samples_nothing_is_proved() -> None:
    assert all(one.failed for one in trends([], WANTED, each=True))
    few = _samples(_same)[:4]
    assert all(one.failed for one in trends(few, WANTED, each=True))
    assert {one.verdict for one in trends(few, WANTED, each=True)} == {"too few samples to say"}


def test_thirds_are_thirds_of_the_time_and_not_of_the_samples() -> None:
    crowded = [(at / 10, 1.0) for at in range(100)] + [(20.0, 5.0), (29.0, 7.0), (30.0, 8.0)]
    assert thirds(crowded) == (1.0, 7.0)


# ------------------------------------------------------------------ the rate


def test_the_rate_falls_while_more_and_more_waits_and_comes_back_to_the_wish() -> None:
    pace = Pace(100.0)
    for _ in range(200):
        pace.steer(0, behind=False)
    assert pace.rate == 100.0
    pace.steer(LONG + 1, behind=False)
    pace.steer(LONG + 2, behind=False)
    assert pace.rate == pytest.approx(100 * FALL**2)
    pace.steer(LONG + 1, behind=False)  # it is on its way down: no need to go slower still
    assert pace.rate == pytest.approx(100 * FALL**2)
    for _ in range(200):
        pace.steer(0, behind=False)
    assert pace.rate == 100.0


def test_the_rate_does_not_rise_beyond_what_the_clients_can_send() -> None:
    pace = Pace(100.0)
    before = pace.rate
    pace.steer(0, behind=True)
    assert pace.rate == before


# ------------------------------------------------------------------ Postfix's log

SESSION = """\
smtpd[7]: connect from localhost[127.0.0.1]
smtpd[7]: AAAA: client=localhost[127.0.0.1]
cleanup[9]: AAAA: message-id=<m1@customer1.example>
smtpd[7]: BBBB: client=localhost[127.0.0.1]
cleanup[9]: BBBB: message-id=<m2@customer2.example>
cleanup[9]: warning: milter unix:/x: can't read SMFIC_BODYEOB reply packet header: Success
smtpd[7]: CCCC: client=localhost[127.0.0.1]
cleanup[8]: CCCC: message-id=<m3@customer3.example>
smtpd[7]: warning: milter unix:/x: error writing command: Application error
smtpd[7]: DDDD: client=localhost[127.0.0.1]
cleanup[9]: DDDD: message-id=<m4@customer4.example>
smtpd[7]: disconnect from localhost[127.0.0.1]
smtpd[7]: connect from localhost[127.0.0.1]
smtpd[7]: EEEE: client=localhost[127.0.0.1]
cleanup[9]: EEEE: message-id=<m5@customer5.example>
smtpd[6]: connect from localhost[127.0.0.1]
smtpd[6]: warning: connect to Milter service unix:/x: Connection refused
smtpd[6]: FFFF: client=localhost[127.0.0.1]
cleanup[9]: FFFF: message-id=<m6@customer6.example>
"""


def test_mails_after_a_lost_milter_are_known_until_the_session_ends() -> None:
    found = trouble(f"Nov 23 16:00:00 mx private/{line}" for line in SESSION.splitlines())
    assert found.mails == {2, 3, 4, 6}
    assert found.warnings == 3


# ------------------------------------------------------------------ the helpdesk


def _delivered(number: int, above: str, change: Callable[[bytes], bytes] = bytes) -> Delivery:
    content = above.replace("\n", "\r\n").encode() + change(Letter(number).wire)
    return Delivery("", (HELP,), (), content)


RECEIVED = "Received: from a\n\tby b; Mon, 23 Nov 2026 09:00:00 +0100\n"
TAGS = "".join(f"{name}: ok\n" for name in TAG_NAMES)


@pytest.mark.parametrize("number", [0, 1, 3, 5])
def test_a_copy_with_our_tags_on_top_is_unchanged(number: int) -> None:
    world = World()
    world.keep(_delivered(number, RECEIVED + TAGS))
    world.server_close()
    ((copy,),) = world.copies.values()
    assert (copy.unchanged, copy.tags) == (True, "ok")
    assert number_of(Letter(number).wire) == number


@pytest.mark.parametrize(
    ("above", "change"),
    [
        (RECEIVED, lambda wire: wire.replace(b"Kim", b"Tim", 1)),
        (RECEIVED, lambda wire: wire + b"\r\n"),
        (RECEIVED + "X-Other: yes\n", bytes),
    ],
    ids=["a letter", "a line more", "a field of nobody's"],
)
def test_any_other_difference_is_seen(above: str, change: Callable[[bytes], bytes]) -> None:
    world = World()
    world.keep(_delivered(2, above, change))
    world.server_close()
    ((copy,),) = world.copies.values()
    assert not copy.unchanged
