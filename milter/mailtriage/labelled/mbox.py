"""Where the messages of an mbox lie (RFC 4155), found without reading them into memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mailtriage.labelled.model import Stored
from mailtriage.mail.address import message_ids
from mailtriage.mail.fields import skip_mbox_line, split_fields
from mailtriage.mail.model import Limits

_PIECE: Final = 64 * 1024
_FROM: Final = b"From "


class Mbox:
    """The messages of one mbox, by number from 1 as `explain` counts them, and by Message-ID."""

    def __init__(self, file: Path, limits: Limits) -> None:
        """Look through the file. Raises OSError."""
        self.file: Final = file
        self.messages: Final = tuple(_messages(file))
        self._limits: Final = limits
        self._by_id: dict[str, list[int]] | None = None

    def numbers(self, message_id: str) -> list[int]:
        """The numbers of the messages with that Message-ID, written with brackets or without."""
        if self._by_id is None:
            self._by_id = self._index()
        return self._by_id.get(message_id.strip().strip("<>"), [])

    def _index(self) -> dict[str, list[int]]:
        by_id: dict[str, list[int]] = {}
        with self.file.open("rb") as stream:
            for number, message in enumerate(self.messages, start=1):
                stream.seek(message.start)
                most = self._limits.max_header_bytes
                head = stream.read(min(message.length or 0, most))
                for name, body in split_fields(head, skip_mbox_line(head))[0]:
                    if name.lower() == b"message-id":
                        for found in message_ids(body)[:1]:
                            by_id.setdefault(found.strip("<>"), []).append(number)
                        break
        return by_id


def _messages(file: Path) -> Iterator[Stored]:
    """Each message with its "From " line; every line that begins so begins a message."""
    begin: int | None = None
    position = 0
    at_line_start = True
    with file.open("rb") as stream:
        while piece := stream.readline(_PIECE):
            if at_line_start and piece.startswith(_FROM):
                if begin is not None:
                    yield Stored(file, begin, position - begin)
                begin = position
            position += len(piece)
            at_line_start = piece.endswith(b"\n")
    if begin is not None:
        yield Stored(file, begin, position - begin)
