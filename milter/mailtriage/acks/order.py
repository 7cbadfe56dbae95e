"""What an acknowledgement is made of, and how that is kept while one waits."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Self, get_args, get_type_hints

from mailtriage.acks.calendar import OpeningKind


@dataclass(frozen=True, slots=True)
class KbLink:
    """The paragraph of the help pages that may already answer."""

    title: str
    url: str
    """https; another is left out."""
    quote: str
    """A heading or sentence of the page."""


@dataclass(frozen=True, slots=True)
class Order:
    """All that an acknowledgement is made of. Nothing else of the customer's mail is kept."""

    key: bytes
    """The dedupe key of the mail."""
    mailbox: str
    """Address of the service mailbox, as in the configuration."""
    to: str
    """Without angle brackets."""
    language: str
    """BCP 47; "und": two languages are used."""
    subject: str
    """Decoded; empty when it must not be repeated."""
    message_id: str
    references: tuple[str, ...]
    received: float
    """Seconds since the epoch, as are the other moments."""
    skill: str
    priority: str
    generic: str
    """Why nothing may be said of the matter; empty when it may."""
    by: float
    """0: no time is promised."""
    opening: OpeningKind
    opens: float
    """0: open, or not known."""
    late: bool
    busy: bool
    kb: KbLink | None
    ticket: str
    """Ticket token of the helpdesk ("[rt #12]") for the subject; empty: none."""

    def to_json(self) -> str:
        """For keeping; `from_json` reads it."""
        return json.dumps({**asdict(self), "key": self.key.hex()}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The order that was kept. Raises ValueError for anything that `to_json` does not write."""
        try:
            kept = _object(json.loads(text), cls)
            key = bytes.fromhex(kept.pop("key"))
            references = tuple(kept.pop("references"))
            kb = kept.pop("kb")
            link = None if kb is None else KbLink(**_object(kb, KbLink))
        except (TypeError, RecursionError) as error:
            raise ValueError(f"not an order: {error}") from None
        if kept["opening"] not in get_args(OpeningKind):
            raise ValueError("not an order: the desk is neither open nor closed")
        if not all(isinstance(one, str) for one in references):
            raise ValueError("not an order: references of another type")
        return cls(key=key, references=references, kb=link, **kept)


_IN_JSON: Final[dict[object, tuple[type, ...]]] = {
    str: (str,),
    OpeningKind: (str,),
    bytes: (str,),
    float: (float, int),
    bool: (bool,),
    tuple[str, ...]: (list,),
    KbLink | None: (dict, type(None)),
}


def _object(kept: object, kind: type[Order] | type[KbLink]) -> dict[str, Any]:
    """A JSON object that has the fields of a class, no other, and of their types."""
    types = get_type_hints(kind)
    if not isinstance(kept, dict) or kept.keys() != types.keys():
        raise ValueError("not an order: other fields")
    for name, value in kept.items():
        if type(value) not in _IN_JSON[types[name]]:  # exact: True is an int
            raise ValueError(f"not an order: {name} is of another type")
    return kept
