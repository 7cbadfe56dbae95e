"""Where a private Postfix delivers: an LMTP server (RFC 2033) that keeps every mail byte for byte."""

import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivery:
    """One LMTP transaction, complete and answered with 250 for every recipient."""

    sender: str
    recipients: tuple[str, ...]
    parameters: tuple[str, ...]
    """ESMTP parameters of MAIL, then of each RCPT, as they came."""
    content: bytes
    """The mail with CRLF line ends, dots unstuffed."""

    @property
    def header(self) -> list[tuple[str, str]]:
        """Header fields in order; folds kept, the blank after the colon not; bytes as Latin-1."""
        head = self.content.partition(b"\r\n\r\n")[0].decode("latin-1")
        fields: list[tuple[str, str]] = []
        for line in head.split("\r\n"):
            if line[:1] in (" ", "\t") and fields:
                fields[-1] = (fields[-1][0], f"{fields[-1][1]}\r\n{line}")
            else:
                name, _, value = line.partition(":")
                fields.append((name, value.removeprefix(" ")))
        return fields

    @property
    def tags(self) -> dict[str, str]:
        """The header fields of ours, by name in lower case; a field that stands twice is an error."""
        ours = [
            (n.lower().rstrip(), v) for n, v in self.header if n.lower().startswith("x-mailtriage")
        ]
        tags = dict(ours)
        assert len(tags) == len(ours), f"tag given twice: {ours}"
        return tags


class _Lmtp(socketserver.StreamRequestHandler):
    """One LMTP connection. Announces 8BITMIME and SMTPUTF8, so that Postfix converts nothing."""

    server: "Sink"

    def handle(self) -> None:
        self.answer("220 sink LMTP")
        sender = ""
        recipients: list[str] = []
        parameters: list[str] = []
        while line := self.rfile.readline():
            verb, _, rest = line.decode("latin-1").strip().partition(" ")
            match verb.upper():
                case "LHLO":
                    self.answer("250-sink", "250-PIPELINING", "250-8BITMIME", "250-SMTPUTF8")
                    self.answer("250 DSN")
                case "MAIL":
                    sender, *parameters = self.path(rest)
                    recipients = []
                    self.answer("250 ok")
                case "RCPT":
                    recipient, *more = self.path(rest)
                    if self.server.refuses(recipient):
                        self.answer("550 5.1.1 nobody")
                        continue
                    recipients.append(recipient)
                    parameters += more
                    self.answer("250 ok")
                case "DATA":
                    self.answer("354 go on")
                    content = self.content()
                    delivery = Delivery(sender, tuple(recipients), tuple(parameters), content)
                    self.server.keep(delivery)
                    self.answer(*["250 kept"] * len(recipients))
                case "RSET":
                    self.answer("250 ok")
                case "QUIT":
                    self.answer("221 bye")
                    return
                case _:
                    self.answer("500 what?")

    def answer(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    @staticmethod
    def path(text: str) -> list[str]:
        """ "FROM:<a@b> X=1 Y" → ["a@b", "X=1", "Y"]."""
        address, _, parameters = text.partition("<")[2].partition(">")
        return [address, *parameters.split()]

    def content(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise ConnectionError("Postfix hung up in DATA")
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)


class Sink(socketserver.ThreadingTCPServer):
    """The LMTP server, on a free port of 127.0.0.1. Use as a context manager."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Lmtp)
        self.port: int = self.server_address[1]
        self.deliveries: list[Delivery] = []
        self.refuses: Callable[[str], bool] = lambda _recipient: False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Sink":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def keep(self, delivery: Delivery) -> None:
        """Called by the LMTP connections."""
        with self._changed:
            self.deliveries.append(delivery)
            self._changed.notify_all()

    def to(self, recipient: str) -> list[Delivery]:
        """What came for that recipient so far."""
        with self._changed:
            return [d for d in self.deliveries if recipient in d.recipients]

    def wait(self, enough: Callable[[list[Delivery]], bool], timeout: float = 60) -> None:
        """Until `enough` says so of all deliveries; TimeoutError when it does not."""
        end = time.monotonic() + timeout
        with self._changed:
            while not enough(self.deliveries):
                if not self._changed.wait(end - time.monotonic()):
                    raise TimeoutError(f"{len(self.deliveries)} deliveries so far")

    def one(self, recipient: str, timeout: float = 60) -> Delivery:
        """The one delivery for that recipient, waited for."""
        self.wait(lambda all_: any(recipient in d.recipients for d in all_), timeout)
        (delivery,) = self.to(recipient)
        return delivery

    def clear(self) -> None:
        """Forget what came."""
        with self._changed:
            self.deliveries.clear()
