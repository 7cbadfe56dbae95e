"""The rates of rule F6, and the circuit breaker: pure, with a clock of their own."""

from mailtriage.config.acks import AckLimits
from mailtriage.desk.breaker import FAILURES, PROBE_EVERY, Breaker
from mailtriage.desk.pace import HOUR, Pace


def limits(*, per_domain: int = 100, per_hour: int = 2000, burst: int = 200) -> AckLimits:
    return AckLimits(300, 2, 10, 40, 30, per_domain, per_hour, burst)


def sent_within(pace: Pace, domain: str, begin: float, end: float, step: float = 1.0) -> int:
    """How many go out when there is always one more to send."""
    count = 0
    now = begin
    while now < end:
        while pace.room(now) and not pace.wait_for(domain, now):
            pace.take(domain, now)
            count += 1
        now += step
    return count


def test_a_burst_and_then_the_rate() -> None:
    pace = Pace(limits(per_domain=100_000, per_hour=3600, burst=50), 0.0)
    assert pace.room(0.0) == 50
    assert sent_within(pace, "a.example", 0.0, 1.0) == 50
    assert pace.room(0.5) == 0
    # One a second from then on; what was not used comes back up to the burst.
    assert sent_within(pace, "a.example", 1.0, 101.0) == 100
    assert pace.room(HOUR) == 50


def test_domains_do_not_share_their_limit() -> None:
    pace = Pace(limits(per_domain=10, per_hour=100_000, burst=100_000), 0.0)
    assert sent_within(pace, "a.example", 0.0, 1.0) == 10
    assert pace.wait_for("a.example", 0.0) == HOUR / 10
    assert pace.wait_for("b.example", 0.0) == 0.0
    assert sent_within(pace, "b.example", 0.0, 1.0) == 10


def test_those_that_are_held_come_one_after_the_other() -> None:
    pace = Pace(limits(per_domain=10), 0.0)
    sent_within(pace, "a.example", 0.0, 1.0)
    waits = [pace.wait_for("a.example", 0.0, ahead) for ahead in range(3)]
    assert waits == [360.0, 720.0, 1080.0]


def test_what_went_out_before_the_start_counts() -> None:
    pace = Pace(limits(per_domain=10), 0.0, sent=12, to_domains={"a.example": 10, "b.example": 2})
    assert pace.wait_for("a.example", 0.0) > 0
    assert sent_within(pace, "b.example", 0.0, 1.0) == 8
    full = Pace(limits(per_hour=100, burst=20), 0.0, sent=500)
    assert full.room(0.0) == 0
    assert full.room(60.0) == 1


def test_what_did_not_go_out_is_given_back() -> None:
    pace = Pace(limits(per_hour=100, burst=1), 0.0)
    pace.take("a.example", 0.0)
    assert pace.room(0.0) == 0
    pace.give_back("a.example")
    assert pace.room(0.0) == 1


def test_domains_that_may_be_forgotten_are() -> None:
    pace = Pace(limits(per_hour=10_000_000, burst=1_000_000), 0.0)
    for number in range(10_500):
        pace.take(f"{number}.example", number * 10.0)
    assert len(pace._domains) < 10_001


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_circuit_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker(Clock())
    for _ in range(FAILURES - 1):
        assert not breaker.failed()
    assert not breaker.succeeded()
    assert [breaker.failed() for _ in range(FAILURES)] == [False] * (FAILURES - 1) + [True]
    assert breaker.is_open
    assert not breaker.failed()


def test_an_open_circuit_lets_one_probe_through_now_and_then() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed()
    assert breaker.seconds_to_wait() == PROBE_EVERY
    clock.now += PROBE_EVERY
    assert breaker.seconds_to_wait() == 0
    breaker.probing()
    assert breaker.seconds_to_wait() == PROBE_EVERY
    assert breaker.succeeded()
    assert not breaker.is_open
    assert breaker.seconds_to_wait() == 0
