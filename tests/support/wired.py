"""A Postfix with a life of its own, and what stands around it, to paste `mailtriage postfix` into."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailtriage.acks.tokens import Tokens
from mailtriage.commands.postfix import wiring
from mailtriage.config import load
from tests.support.opendkim import OpenDkim
from tests.support.postfix import PrivatePostfix, RootShell
from tests.support.sink import Delivery, Sink
from tests.support.smtp import SmtpClient

# What an administrator may have, and what could lead the desk's copy astray: a route and a relay
# host for everything, rewriting of all kinds, an archive, and a signer that all mail passes.
BEFORE = """
cat > /etc/postfix/everything <<'END'
/./    lmtp:inet:127.0.0.1:{sink}
END
cat > /etc/postfix/local_names <<'END'
/^(.*)@(.*[.])?invalid$/    $1@rewritten.example
END
postconf -e 'transport_maps = regexp:/etc/postfix/everything' \
    'relayhost = [relay.nowhere.example]' \
    'append_dot_mydomain = yes' 'append_at_myorigin = yes' 'mydomain = desk.example' \
    'masquerade_domains = desk.example' \
    'masquerade_classes = envelope_sender, envelope_recipient, header_sender, header_recipient' \
    'smtp_generic_maps = regexp:/etc/postfix/local_names' \
    'lmtp_generic_maps = regexp:/etc/postfix/local_names' \
    'always_bcc = journal@archive.example' \
    'virtual_alias_maps = inline:{{ {{ friend@alias.example = friend@real.example }} }}' \
    'recipient_bcc_maps = inline:{{ {{ sales@desk.example = boss@desk.example }} }}' \
    'header_checks = inline:{{ {{ nothing = IGNORE }} }}' \
    'lmtp_tls_security_level = encrypt' \
    'smtpd_client_restrictions = check_client_access static:permit, reject' \
    'smtpd_client_message_rate_limit = 1000' \
    'notify_classes = ' \
    'minimal_backoff_time = 300s' 'queue_run_delay = 300s'
postconf -P 'lmtp/unix/lmtp_tls_security_level=none'
"""

MAIL = b"From: Kim <kim@customer.example>\nTo: help@desk.example\nSubject: Where?\n\nHello\n"
ACK = (
    b"From: Help <help@desk.example>\nTo: kim@customer.example\nSubject: Received\n"
    b"Date: Mon, 23 Nov 2026 01:00:00 +0000\nMessage-ID: <ack.k.s@desk.example>\n"
    b"Auto-Submitted: auto-replied\nX-Mailtriage-Loop: k.s\nX-Mailtriage-Ref: K7Q2-M4\n\nThanks\n"
)


class _AddRecipient(socketserver.BaseRequestHandler):
    """One connection of the milter protocol: asks for nothing but the end of each message."""

    server: "HiddenRecipientMilter"

    def handle(self) -> None:
        while head := self._exactly(4):
            (length,) = struct.unpack("!I", head)
            data = self._exactly(length)
            match data[:1]:
                case b"O":  # version 6; may add recipients with parameters; spare us all steps
                    self._send(b"O" + struct.pack("!III", 6, 0x80, 0x37F))
                case b"E":
                    recipient = self.server.next_recipient()
                    self._send(b"2" + f"<{recipient}>".encode() + b"\0NOTIFY=NEVER\0")
                    self._send(b"c")
                case b"Q":
                    return

    def _send(self, data: bytes) -> None:
        self.request.sendall(struct.pack("!I", len(data)) + data)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self.request.recv(size - len(data))):
            data += more
        return data


class HiddenRecipientMilter(socketserver.ThreadingTCPServer):
    """Adds a hidden recipient to each mail and remembers which. Use as a context manager."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(("127.0.0.1", 0), _AddRecipient)
        self.tokens = tokens
        self.added: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def next_recipient(self) -> str:
        """A new one, signed."""
        key = len(self.added).to_bytes(16)
        self.added.append(self.tokens.hidden_recipient(key, "in"))
        return self.added[-1]

    def __enter__(self) -> "HiddenRecipientMilter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


@dataclass(frozen=True, slots=True)
class Wired:
    """Postfix with everything pasted. smtpd "mx" is port 25; the rest is what stands around it."""

    directory: Path
    postfix: PrivatePostfix
    shell: RootShell
    helpdesk: Sink
    desk: Sink
    milter: HiddenRecipientMilter
    signer: OpenDkim
    tokens: Tokens
    numbers: Iterator[int]
    submit: int

    def paste(self, *, copy: str = "text", desk: int = 0) -> None:
        """Paste what is printed for this configuration; `desk` is the port that the desk is at."""
        file = self.directory / "mailtriage.toml"
        file.write_text(
            f"""
            [milter]
            listen = "inet:127.0.0.1:{self.milter.server_address[1]}"
            [state]
            secret_file = "{self.directory}/secret"
            [ack]
            submit = "127.0.0.1:{self.submit}"
            [mailboxes."swept@desk.example"]
            aliases = ["swept-too@desk.example"]
            [desk]
            listen = "inet:127.0.0.1:{desk or self.desk.port}"
            copy = "{copy}"
            """
        )
        script = wiring(load([file]).config)
        assert self.shell.paste(script, signer=f"inet:127.0.0.1:{self.signer.port}") == ""

    def connect(self, client: str = "203.0.113.7") -> SmtpClient:
        """A session at port 25, from the Internet unless told otherwise ("" is loopback)."""
        return SmtpClient(self.postfix.ports["mx"]).greet(client)

    def at_the_port(self) -> SmtpClient:
        """A session at the port for acknowledgements."""
        client = SmtpClient(self.submit)
        client.command("EHLO localhost")
        return client

    def recipient(self) -> str:
        """A service address that nothing was sent to yet."""
        return f"help+{next(self.numbers)}@desk.example"

    def send(self, content: bytes = MAIL, to: str = "") -> tuple[Delivery, Delivery]:
        """A customer's mail: the helpdesk's copy, and the desk's."""
        to = to or self.recipient()
        with self.connect() as client:
            assert client.mail(content, to).code == 250
        return self.helpdesk.one(to), self.desk.one(self.milter.added[-1])
