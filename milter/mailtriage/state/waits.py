"""How long a mail has waited for other machines: two of them must not add up.

An analyser asks for the customer first, and then for what came before. Where both are in Redis, and
Redis or the way to it hangs, the first question takes all the time that a mail has.
"""

import time
from typing import Final

LONG: Final = 0.01
"""Seconds: a Redis that is well answers in a tenth of that."""
SAME_MAIL: Final = 0.1
"""Seconds for which a wait counts: the next question of one mail follows in a millisecond."""

_until = 0.0


def waited(seconds: float) -> None:
    """A question to another machine took so long, successful or not."""
    global _until  # noqa: PLW0603  one mail at a time in a process
    if seconds > LONG:
        _until = time.monotonic() + SAME_MAIL


def may_wait() -> bool:
    """Whether the mail may wait for another one."""
    return time.monotonic() >= _until
