"""Mails and hits, made for the rule that a test is about."""

from collections.abc import Callable

import pytest

from mailtriage.mail.model import Attachment, Envelope, Header, Headers, Mail
from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy, Signal

MakeMail = Callable[..., Mail]
MakeHits = Callable[..., list[Hit]]


@pytest.fixture
def mail() -> MakeMail:
    """`mail("X-Foo: bar", text="...")`: a mail of a customer with those header fields."""

    def make(
        *fields: str,
        text: str = "Where is my parcel?",
        subject: str = "",
        sender: str = "anna@customer.example",
        from_address: str = "anna@customer.example",
        recipients: tuple[str, ...] = ("help@desk.example",),
        references: tuple[str, ...] = (),
        parts: tuple[str, ...] = (),
    ) -> Mail:
        headers = [
            Header(name, value.strip().encode())
            for name, _, value in (field.partition(":") for field in fields)
        ]
        return Mail(
            headers=Headers(headers),
            envelope=Envelope(sender, recipients),
            subject=subject,
            from_address=from_address,
            text=text,
            newest_text=text,
            references=references,
            attachments=tuple(Attachment("", part, 1) for part in parts),
        )

    return make


@pytest.fixture
def hits() -> MakeHits:
    """`hits(policy, a=2.0, b=-1.0)`: signals a and b of that policy, with their points."""

    def make(policy: Policy, **points: float) -> list[Hit]:
        return [
            Hit(policy, Signal(name.replace("_", "-"), weight), weight, "body")
            for name, weight in points.items()
        ]

    return make
