"""Another milter, as it stands beside ours: says at the end of each mail what it is told to say."""

import socketserver
import struct
import threading
from typing import Final, Literal, Self

Answer = Literal["continue", "reject", "tempfail", "discard"]

_CODES: Final[dict[Answer, bytes]] = {
    "continue": b"c", "reject": b"r", "tempfail": b"t", "discard": b"d",
}  # fmt: skip
_ALL_STEPS_BUT_THE_END: Final = 0x37F


class _Connection(socketserver.BaseRequestHandler):
    """The milter protocol, version 6: one connection of an smtpd."""

    server: "RefusingMilter"

    def handle(self) -> None:
        while head := self._exactly(4):
            (length,) = struct.unpack("!I", head)
            data = self._exactly(length)
            match data[:1]:
                case b"O":
                    self._send(b"O" + struct.pack("!III", 6, 0, _ALL_STEPS_BUT_THE_END))
                case b"E":
                    self._send(self.server.verdict())
                case b"Q":
                    return

    def _send(self, data: bytes) -> None:
        self.request.sendall(struct.pack("!I", len(data)) + data)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self.request.recv(size - len(data))):
            data += more
        return data


class RefusingMilter(socketserver.ThreadingTCPServer):
    """On a free port of 127.0.0.1. Use as a context manager.

    `answer` is what each mail gets; nothing is answered while `may_answer` is not set.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.port: int = self.server_address[1]
        self.answer: Answer = "continue"
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.seen = 0
        """Mails whose end came."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        """As an entry of smtpd_milters."""
        return f"inet:127.0.0.1:{self.port}"

    def verdict(self) -> bytes:
        """Called by the connections."""
        self.seen += 1
        self.may_answer.wait(60)
        return _CODES[self.answer]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.may_answer.set()
        self.shutdown()
        self.server_close()
