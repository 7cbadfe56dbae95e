"""A client: `python -m tests.soak.client PORT`, a process of its own.

Reads the numbers of mails from standard input, four bytes each, out of a pipe that all clients
share; sends each until Postfix takes it, and writes a line about it to standard output.
"""

import os
import sys
import time
from contextlib import suppress
from typing import Final

from tests.soak.letters import Letter
from tests.support.site import HELP
from tests.support.smtp import SmtpClient, stuffed

SESSIONS: Final = (1, 1, 1, 1, 1, 4)
"""Mails in the first, second, ... session; then from the start again."""

TIMEOUT: Final = 120.0

_AGAIN: Final = 0.2
"""Seconds before a mail is tried again."""

_DESPAIR: Final = 300.0
"""Seconds after which it is not."""


class _Client:
    def __init__(self, port: int) -> None:
        self._port: Final = port
        self._session: SmtpClient | None = None
        self._left = 0
        self._sessions = 0
        self.lost = 0
        """Times that an answer to the final dot did not come: the mail may have been taken."""

    def send(self, letter: Letter) -> int:
        """The code of the answer to the final dot; 0 when the session broke before it."""
        asked = False
        try:
            session = self._open(letter)
            session.envelope([HELP], letter.sender)
            session.command("DATA", 3)
            asked = True
            session.send(stuffed(letter.content))
            code = session.receive().code
        except (OSError, AssertionError):
            self.lost += asked
            self.close()
            return 0
        self._left -= 1
        if not self._left:
            self.close()
        return code

    def _open(self, letter: Letter) -> SmtpClient:
        if self._session is None:
            self._left = SESSIONS[self._sessions % len(SESSIONS)]
            self._sessions += 1
            self._session = SmtpClient(self._port, timeout=TIMEOUT).greet(letter.client)
        return self._session

    def close(self) -> None:
        """End the session, if there is one."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(OSError, AssertionError):
                session.command("QUIT")
            session.drop()


def main() -> None:
    """Until the pipe is closed."""
    client = _Client(int(sys.argv[1]))
    while data := os.read(0, 4):
        letter = Letter(int.from_bytes(data))
        begun, tries, client.lost = time.monotonic(), 1, 0
        while (code := client.send(letter)) // 100 != 2:
            if time.monotonic() - begun > _DESPAIR:
                break
            tries += 1
            time.sleep(_AGAIN)
        waited = round((time.monotonic() - begun) * 1000)
        # Shorter than PIPE_BUF: lines of several clients do not mix (pipe(7)).
        os.write(1, f"{letter.number} {code} {tries} {client.lost} {waited}\n".encode())
    client.close()


if __name__ == "__main__":
    main()
