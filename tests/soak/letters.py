"""The mails of a run. Each number is a mail of its own, always the same, from a customer of its own."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from tests.support.mails import LETTERS
from tests.support.site import customer_mail

_PLAIN, _HTML, _LIST, _ROBOT = "plain", "html", "list", "robot"

MIX: Final = (_PLAIN, _LIST, _PLAIN, _ROBOT, _PLAIN, _HTML, _PLAIN, _LIST, _PLAIN, _HTML)
"""Kinds of mail, in turns."""

SIZES: Final = (4, 40, 400)
"""KB of the attachments, in turns."""

_OWN_ID: Final = re.compile(rb"(?mi)^Message-ID: <m(\d+)@customer\d+\.example>\r$")


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail."""

    number: int

    @property
    def kind(self) -> str:
        """Of MIX."""
        return MIX[self.number % len(MIX)]

    @property
    def is_answered(self) -> bool:
        """Whether it is owed an acknowledgement: humans are, lists and robots are not."""
        return self.kind in (_PLAIN, _HTML)

    @property
    def sender(self) -> str:
        """Reverse-path and From:; whom the acknowledgement goes to."""
        return f"kim{self.number}@customer{self.number}.example"

    @property
    def client(self) -> str:
        """IP address, out of those that RFC 2544 gives to tests."""
        return f"198.{18 + (self.number >> 16 & 1)}.{self.number >> 8 & 255}.{self.number & 255}"

    @property
    def content(self) -> bytes:
        """The mail, with LF."""
        text = LETTERS[self.number % len(LETTERS)].raw.partition(b"\n\n")[2].decode()
        header, body = _form(self.kind, self.number)
        return customer_mail(self.number, header=header, body=body.replace("{text}", text))

    @property
    def wire(self) -> bytes:
        """The same as it is delivered."""
        return self.content.replace(b"\n", b"\r\n")


def number_of(content: bytes) -> int | None:
    """The number of a delivered mail; None when it is none of these."""
    head = content.partition(b"\r\n\r\n")[0] + b"\r\n"
    found = _OWN_ID.search(head)
    return int(found[1]) if found else None


def _form(kind: str, number: int) -> tuple[str, str]:
    """Further header lines, and the body with a place for the text."""
    plain = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
    if kind == _LIST:
        return f"{plain}List-Id: <offers.customer.example>\nPrecedence: list\n", "{text}"
    if kind == _ROBOT:
        return f"{plain}Auto-Submitted: auto-replied\n", "{text}"
    if kind == _HTML:
        header = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=soak\n"
        return header, _with_photo(SIZES[number // len(MIX) % len(SIZES)])
    return plain, "{text}"


@cache
def _with_photo(size: int) -> str:
    photo = "\n".join(["/9j/4AAQSkZJRgABAQAAAQABAAD" + "w7P8A" * 9 + "zg"] * (size * 1024 // 75))
    return (
        "--soak\nContent-Type: text/html; charset=utf-8\n\n<html><body><p>{text}</p></body></html>\n"
        "--soak\nContent-Type: image/jpeg; name=photo.jpg\n"
        f"Content-Transfer-Encoding: base64\n\n{photo}\n--soak--\n"
    )
