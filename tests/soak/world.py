"""Helpdesk and customers: the server that all mail ends at, which looks at each and keeps little."""

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from tests.chaos.account import below_trace, tagging
from tests.soak.letters import Letter, number_of
from tests.support.sink import Delivery, Sink
from tests.support.site import HELP, is_ack

_ADDED: Final = re.compile(
    r"return-path|received|delivered-to|x-original-to|x-mailtriage.*", re.IGNORECASE
)
"""Names of the fields that stand on top of what the customer sent: Postfix's, and ours."""

_ACK_TO: Final = re.compile(r"kim(\d+)@customer\1\.example")


@dataclass(frozen=True, slots=True)
class Copy:
    """A customer's mail, as the helpdesk got it."""

    tags: str
    """What `tests.chaos.account.tagging` says."""
    unchanged: bool
    """Whether it is what was sent, byte by byte, below what Postfix and mailtriage put on top."""


@dataclass(frozen=True, slots=True)
class Ack:
    """An acknowledgement, as the customer got it."""

    message_id: str
    digest: bytes
    """Of all that is below what servers on the way put on top."""


class World(Sink):
    """The LMTP server; of each mail it keeps what the account needs."""

    def __init__(self) -> None:
        super().__init__()
        self.copies: Final[dict[int, list[Copy]]] = defaultdict(list)
        self.acks: Final[dict[int, list[Ack]]] = defaultdict(list)
        self.strange = 0
        """Mails that are neither."""

    def keep(self, delivery: Delivery) -> None:
        """Called by the LMTP connections, each in a thread of its own."""
        number, copy = None, None
        ack_to = _ACK_TO.fullmatch(delivery.recipients[0])
        if delivery.recipients == (HELP,):
            number = number_of(delivery.content)
            copy = Copy(tagging(delivery), number is not None and _is_unchanged(delivery, number))
        with self._changed:
            if copy and number is not None:
                self.copies[number].append(copy)
            elif ack_to and is_ack(delivery):
                self.acks[int(ack_to[1])].append(_ack(delivery))
            else:
                self.strange += 1
            self._changed.notify_all()


def _is_unchanged(delivery: Delivery, number: int) -> bool:
    sent = Letter(number).wire
    if not delivery.content.endswith(sent):
        return False
    above = delivery.content[: -len(sent)]
    fields = Delivery("", (), (), above + b"\r\n").header if above else []
    return all(_ADDED.fullmatch(name.strip()) for name, _ in fields)


def _ack(delivery: Delivery) -> Ack:
    fields, body = below_trace(delivery)
    digest = hashlib.blake2b(repr(fields).encode() + body, digest_size=16).digest()
    return Ack(next(value for name, value in fields if name.lower() == "message-id"), digest)
