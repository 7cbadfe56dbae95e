"""Robots that answer mail: one that looks like a human in every respect, and Debian's vacation(1).

The first is the worst case of a loop: no mark of an automatic mail, a sender who can be answered, a
new Message-ID each time, and an answer to everything, bounces and acknowledgements included.
"""

import queue
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Final, Self

from tests.support.sink import Delivery, Sink

VACATION: Final = shutil.which("vacation")

Send = Callable[[bytes], object]
"""Hands one mail to the server of whoever is answered."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How it answers."""

    threads: bool = False
    """Whether with In-Reply-To and References."""
    quotes: bool = False
    """Whether with the text that it answers."""
    subject: str = "Re: {}"
    """{} is that of the mail that it answers, {number} which answer it is."""


class Robot(Sink):
    """An LMTP server that is somebody's mailbox. Use as a context manager."""

    def __init__(self, address: str, manner: Manner, send: Send) -> None:
        super().__init__()
        self.address: Final = address
        self.answers = 0
        self._manner: Final = manner
        self._send: Final = send
        self._incoming: Final[queue.Queue[Delivery | None]] = queue.Queue()
        self._answering = threading.Thread(target=self._answer_all, daemon=True)

    @property
    def idle(self) -> bool:
        """Whether it has answered everything that came."""
        return self._incoming.unfinished_tasks == 0

    def keep(self, delivery: Delivery) -> None:
        """A mail came."""
        self._incoming.put(delivery)
        super().keep(delivery)

    def answer(self, delivery: Delivery) -> bytes:
        """What it answers to that mail."""
        received = BytesParser(policy=default).parsebytes(delivery.content)
        mail = EmailMessage()
        mail["From"] = f"Kim <{self.address}>"
        mail["To"] = str(received["From"])
        subject = str(received["Subject"])
        mail["Subject"] = self._manner.subject.format(subject, number=self.answers)
        mail["Date"] = "Mon, 23 Nov 2026 09:00:00 +0100"
        mail["Message-ID"] = f"<answer{self.answers}.{id(self)}@{self.address.partition('@')[2]}>"
        if self._manner.threads:
            mail["In-Reply-To"] = str(received["Message-ID"])
            mail["References"] = f"{received['References'] or ''} {received['Message-ID']}".strip()
        text = "Hello, I have read your message and still wait for my parcel. Where is it?\n"
        if self._manner.quotes:
            body = received.get_body(("plain",))
            quoted = str(body.get_content()) if body is not None else ""
            text += "\n" + "".join(f"> {line}\n" for line in quoted.splitlines())
        mail.set_content(text)
        return mail.as_bytes()

    def _answer_all(self) -> None:
        while (delivery := self._incoming.get()) is not None:
            self.answers += 1
            self._send(self.answer(delivery))
            self._incoming.task_done()

    def __enter__(self) -> Self:
        super().__enter__()
        self._answering.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._incoming.put(None)
        self._answering.join(30)
        super().__exit__(*error)


def why_no_vacation() -> str:
    """Why vacation(1) cannot run here; empty when it can."""
    return "" if VACATION else "Debian's package vacation is not installed"


class Vacation:
    """vacation(1), called as a .forward file would, with an interval of nothing: the worst way."""

    def __init__(self, directory: Path, address: str, postfix_config: Path) -> None:
        """`postfix_config`: of the Postfix that its answers leave through."""
        self._address: Final = address
        self._message: Final = directory / "vacation.msg"
        self._database: Final = directory / "vacation.db"
        self._environment: Final = {
            "MAIL_CONFIG": str(postfix_config),
            "PATH": "/usr/sbin:/usr/bin",
        }
        self._message.write_text(f"From: {address}\nSubject: away: $SUBJECT\n\nI am on holiday.\n")
        self._run("-f", str(self._database), "-i", "-r", "0")

    def receive(self, delivery: Delivery) -> None:
        """A mail is delivered to its owner."""
        envelope = f"From {delivery.sender or 'MAILER-DAEMON'} Mon Nov 23 09:00:00 2026\n".encode()
        files = ("-f", str(self._database), "-m", str(self._message))
        content = envelope + delivery.content.replace(b"\r\n", b"\n")
        self._run(*files, "-a", self._address, "root", content=content)

    def _run(self, *arguments: str, content: bytes = b"") -> None:
        assert VACATION is not None
        subprocess.run(
            [VACATION, *arguments],
            input=content, env=self._environment, check=True, timeout=30,
        )  # fmt: skip
