"""Signals on header, envelope and attachments."""

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import Final

from mailtriage.mail.model import Mail
from mailtriage.policies.model import HeaderCondition, Signal

_SHOWN: Final = 60
"""Characters of a file name that are shown to people."""

_Fits = Callable[[str], object]


class Condition:
    """The condition of one signal, its globs compiled."""

    def __init__(self, signal: Signal) -> None:
        self._header: Final = signal.header
        self._recipient: Final = _globs(signal.recipient)
        self._sender: Final = _globs(signal.sender)
        wanted = signal.attachment
        self._types: Final = _globs(wanted.types) if wanted else None
        self._names: Final = _globs(wanted.names) if wanted else None

    def holds(self, mail: Mail) -> str:
        """What holds, for people; empty when it does not."""
        if self._header is not None:
            return _header_holds(self._header, mail)
        if self._recipient is not None:
            held = any(self._recipient(address.lower()) for address in mail.envelope.recipients)
            return "recipient" if held else ""
        if self._sender is not None:
            addresses = (mail.envelope.sender.lower(), mail.from_address)
            return "sender" if any(map(self._sender, addresses)) else ""
        for part in mail.attachments:
            if (self._types is None or self._types(part.content_type)) and (
                self._names is None or self._names(part.name.lower())
            ):
                return f'attachment "{part.name[:_SHOWN]}"'
        return ""


def is_condition(signal: Signal) -> bool:
    """Whether a signal looks at anything but the text of the mail."""
    return bool(signal.header or signal.recipient or signal.sender or signal.attachment)


def _header_holds(condition: HeaderCondition, mail: Mail) -> str:
    if condition.contains:
        values = [value.lower() for value in mail.headers.values(condition.name)]
        held = any(word.lower() in value for value in values for word in condition.contains)
    else:
        held = (condition.name in mail.headers) == condition.present
    return f"header {condition.name}" if held else ""


def _globs(globs: Sequence[str]) -> _Fits | None:
    """A function that tells whether a lower-case text fits one of the globs; None for no globs."""
    if not globs:
        return None
    return re.compile("|".join(fnmatch.translate(glob.lower()) for glob in globs)).match
