"""A milter ahead of ours, that removes Authentication-Results or lets them be."""

import socket
import socketserver
import struct


class _Ahead(socketserver.BaseRequestHandler):
    """A milter ahead of ours: wants headers and the end; removes results, or lets them be."""

    server: "Ahead"

    def handle(self) -> None:
        while len(head := self.request.recv(4, socket.MSG_WAITALL)) == 4:
            (length,) = struct.unpack("!I", head)
            match self.request.recv(length, socket.MSG_WAITALL)[:1]:
                case b"O":
                    self.send(b"O" + struct.pack("!III", 6, 0x10, 0x37F ^ 0x20 | 0x80))
                case b"E":
                    if self.server.removes:
                        for index in (3, 2, 1):
                            field = struct.pack("!I", index) + b"Authentication-Results\0\0"
                            self.send(b"m" + field)
                    self.send(b"c")
                case b"Q":
                    return

    def send(self, data: bytes) -> None:
        self.request.sendall(struct.pack("!I", len(data)) + data)


class Ahead(socketserver.ThreadingTCPServer):
    """Listens on a free port of loopback."""

    daemon_threads = True

    def __init__(self, *, removes: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Ahead)
        self.removes = removes
