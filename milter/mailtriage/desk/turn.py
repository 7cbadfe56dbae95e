"""Whose message is on the way: one at a time, from its first octet to its mark in the outbox."""

import asyncio
import contextlib
from typing import Final

TURN_LIMIT: Final = 8.0
"""Seconds that a mail waits for its turn; then it is put back. A Postfix under stress waits ten for
the message (smtpd_timeout)."""


class Turn:
    """The time from the first octet of a message to its mark, which one mail has at a time."""

    def __init__(self, window: asyncio.Lock) -> None:
        self._window: Final = window
        self._begun = False

    async def begin(self) -> bool:
        """Wait for it, `TURN_LIMIT` seconds at most; whether it came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TURN_LIMIT):
                await self._window.acquire()
                self._begun = True
        return self._begun

    def end(self) -> None:
        """Let the next have it; nothing when it was never begun."""
        if self._begun:
            self._window.release()
