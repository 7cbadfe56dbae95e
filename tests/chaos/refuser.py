"""Another milter, which refuses at end-of-message every mail that bears a mark."""

import socketserver
import struct
import threading
from typing import Final, Self

MARK: Final = "X-Refuse"

# Of the milter protocol, version 6 (libmilter's mfdef.h): what we do, nothing; and which steps are
# not sent, all but the header and the end; header fields are taken without a reply.
_NEGOTIATED: Final = b"O" + struct.pack("!III", 6, 0, 0x3DF)


class _Session(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        marked = False
        while head := self._exactly(4):
            (length,) = struct.unpack("!I", head)
            data = self._exactly(length)
            match data[:1]:
                case b"O":
                    self._send(_NEGOTIATED)
                case b"L":
                    marked = marked or data[1:].split(b"\0")[0].decode("latin-1") == MARK
                case b"E":
                    self._send(b"y550 5.7.1 refused\0" if marked else b"c")
                    marked = False
                case b"A":
                    marked = False
                case b"Q":
                    return

    def _send(self, data: bytes) -> None:
        self.request.sendall(struct.pack("!I", len(data)) + data)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self.request.recv(size - len(data))):
            data += more
        return data


class Refuser(socketserver.ThreadingTCPServer):
    """The milter, on a free port of 127.0.0.1. Use as a context manager."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
