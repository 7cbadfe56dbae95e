"""A stand-in for Dovecot's auth service, so that Postfix really authenticates clients.

Speaks as much of Dovecot's auth protocol (doc/auth-protocol.txt, version 1) as Postfix's
xsasl_dovecot_server.c asks for, and knows one mechanism, PLAIN.
"""

import base64
import socketserver
import threading


class _Connection(socketserver.StreamRequestHandler):
    server: "AuthServer"

    def handle(self) -> None:
        self.say(
            "VERSION\t1\t1",
            "MECH\tPLAIN\tplaintext",
            "SPID\t1",
            "CUID\t1",
            "COOKIE\tc0ffee",
            "DONE",
        )
        for line in self.rfile:
            verb, *words = line.decode().rstrip("\n").split("\t")
            if verb != "AUTH":
                continue
            token = next((w.removeprefix("resp=") for w in words if w.startswith("resp=")), "")
            _, user, password = base64.b64decode(token).decode().split("\0")
            known = self.server.accounts.get(user) == password
            self.say(f"OK\t{words[0]}\tuser={user}" if known else f"FAIL\t{words[0]}\tuser={user}")

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\n" for line in lines).encode())


class AuthServer(socketserver.ThreadingTCPServer):
    """The auth service, on a free port of 127.0.0.1. Use as a context manager."""

    daemon_threads = True

    def __init__(self, accounts: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.accounts = accounts
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "AuthServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
