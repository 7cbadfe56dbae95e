"""Customers of the helpdesk and the mail that they write, as it comes in at the border."""

from dataclasses import dataclass
from email.message import Message

HELP = "help@desk.example"


def customer_mail(
    number: int,
    *,
    sender: str = "",
    subject: str = "",
    header: str = "",
    body: str = "",
    to: str = HELP,
    results: str = "",
) -> bytes:
    """A mail for which our own border vouches. Each number is a customer of its own.

    `results`: what the border says of it (RFC 8601), instead of a pass for the sender's domain;
    "none" leaves the field out.
    """
    sender = sender or f"kim{number}@customer{number}.example"
    domain = sender.rpartition("@")[2]
    results = results or f"spf=pass smtp.mailfrom={domain};\n\tdmarc=pass header.from={domain}"
    border = "" if results == "none" else f"Authentication-Results: mx.desk.example; {results}\n"
    return (
        f"{border}From: Kim <{sender}>\nTo: {to}\n"
        f"Subject: {subject or f'Where is my parcel {number}?'}\n"
        "Date: Mon, 23 Nov 2026 09:00:00 +0100\n"
        f"Message-ID: <m{number}@{domain}>\n{header}\n"
        + (body or "Hello, I ordered last week and my parcel has not come. Where is it?\n")
    ).encode()


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who has never written before, at a network of his own."""

    number: int

    @property
    def domain(self) -> str:
        """Of the address."""
        return f"customer{self.number}.example"

    @property
    def address(self) -> str:
        """Reverse-path and From:."""
        return f"kim{self.number}@{self.domain}"

    @property
    def client(self) -> str:
        """IP address of the server that sends the mail (RFC 2544)."""
        return f"198.18.{self.number // 250}.{self.number % 250 + 1}"

    @property
    def message_id(self) -> str:
        """Of `mail`."""
        return f"<m{self.number}@{self.domain}>"

    def mail(self, *, subject: str = "", header: str = "", body: str = "", to: str = HELP) -> bytes:
        """What `customer_mail` makes."""
        return customer_mail(self.number, subject=subject, header=header, body=body, to=to)

    @property
    def answer_id(self) -> str:
        """Of `answer`."""
        return f"<answer{self.number}@{self.domain}>"

    def answer(
        self, mail: Message, body: str, *, subject: str = "", threads: bool = True, to: str = HELP
    ) -> bytes:
        """What a mail program makes of an answer to a mail; without `threads` it names no ids."""
        known = f"{mail['References'] or ''} {mail['Message-ID']}".split()
        header = f"In-Reply-To: {known[-1]}\nReferences: {' '.join(known)}\n" if threads else ""
        subject = subject or f"Re: {mail['Subject']}"
        answer = self.mail(subject=subject, header=header, body=body, to=to)
        return answer.replace(self.message_id.encode(), self.answer_id.encode(), 1)
