"""The clock: limits, expiry and promises are times."""

from collections.abc import Iterator
from typing import Final

from mailtriage.doctor.facts import Facts
from mailtriage.doctor.model import Finding

_SYNCHRONISE: Final = "timedatectl set-ntp true; timedatectl timesync-status"
_AHEAD: Final = 120.0
"""Seconds by which a row may be later than now: two machines seldom agree to the second."""


def clock(facts: Facts) -> Iterator[Finding]:
    """clock: it is not synchronised, or has been put back."""
    if facts.state is not None and facts.state.ahead > _AHEAD:
        yield Finding(
            "clock",
            "error",
            f"the newest entry of the outbox is {facts.state.ahead / 60:.0f} minutes in the future",
            "the clock was wrong then or is wrong now: limits and expiry count from it, and"
            " acknowledgements wait until that time",
            _SYNCHRONISE,
        )
    elif facts.clock.synchronised is False:
        yield Finding(
            "clock",
            "warning",
            "the kernel says that the clock is not synchronised",
            "promised times, opening hours, Date: of acknowledgements and DKIM signatures depend"
            " on it",
            _SYNCHRONISE,
        )
