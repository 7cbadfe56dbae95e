"""The servers that all mail of the replay ends at: SMTP, in the event loop that calls `serve`."""

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Final

from tests.support.sink import Delivery

_PATH: Final = re.compile(r"(?:FROM|TO):<([^>]*)>\s*(.*)", re.IGNORECASE)
_OFFERED: Final = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "ETRN")
_LONGEST: Final = 32 * 1024 * 1024


class SmtpSink:
    """Takes every mail, whole, and hands it on."""

    def __init__(self, take: Callable[[Delivery], str]) -> None:
        """`take` returns the reply to a mail; empty: it is taken."""
        self._take: Final = take
        self._server: asyncio.Server | None = None

    async def serve(self, sock: socket.socket) -> None:
        """Listen on that bound socket."""
        self._server = await asyncio.start_server(self._session, sock=sock, limit=_LONGEST)

    def close(self) -> None:
        """Accept no more."""
        if self._server is not None:
            self._server.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(*lines: str) -> None:
            writer.writelines(f"{line}\r\n".encode() for line in lines)

        say("220 sink ESMTP")
        sender, recipients, parameters = "", [], []
        while line := await reader.readline():
            verb, _, rest = line.decode("utf-8", "surrogateescape").strip().partition(" ")
            found = _PATH.fullmatch(rest)
            match verb.upper():
                case "EHLO":
                    say("250-sink", *(f"250-{name}" for name in _OFFERED[:-1]), "250 ETRN")
                case "MAIL" if found:
                    sender, recipients, parameters = found[1], [], [found[2]]
                    say("250 2.1.0 OK")
                case "RCPT" if found:
                    recipients.append(found[1])
                    parameters.append(found[2])
                    say("250 2.1.5 OK")
                case "DATA":
                    say("354 go on")
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    content = re.sub(rb"(?m)^\.\.", b".", raw[:-3])
                    given = Delivery(sender, tuple(recipients), tuple(parameters), content)
                    say(self._take(given) or "250 2.0.0 taken")
                case "RSET" | "NOOP" | "ETRN":
                    say("250 2.0.0 OK")
                case "QUIT":
                    say("221 2.0.0 bye")
                    break
                case _:
                    say("502 5.5.1 what?")
            await writer.drain()
        writer.close()
