"""What a mail is to mailtriage: one frozen view, filled once, read by every facet.

`mail/` turns bytes or milter callbacks into a `Mail`. It holds no policy: whether a mail is urgent,
or who may be answered, is decided by the rooms above from what stands here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, overload

from mailtriage.mail.newest import newest_text
from mailtriage.mail.words import decode_words


class MailStatus(StrEnum):
    """Whether the text of the mail could be read."""

    OK = "ok"
    UNREAD = "unread"
    """Nothing readable was found: encrypted, empty of text, or broken beyond a best effort."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on the work that one mail may cause. Sizes in bytes, text in characters."""

    max_scan_bytes: int = 256 * 1024
    """Body bytes that are read; what lies beyond is never looked at."""
    max_header_bytes: int = 256 * 1024
    max_headers: int = 1000
    max_mime_depth: int = 16
    max_parts: int = 100
    max_text_chars: int = 32 * 1024
    """Characters of decoded text that are kept for analysis."""


@dataclass(frozen=True, slots=True)
class Client:
    """The SMTP client that handed the mail to us."""

    address: str = ""
    """IP address without brackets or "IPv6:" prefix; empty when unknown (a local pipe, a file)."""
    name: str = ""
    """Reverse name as the MTA verified it; empty or "unknown" when there is none."""
    login: str = ""
    """SASL login name ({auth_authen}); empty when the client did not authenticate."""
    protocol: str = "smtp"
    """"smtp", or "local" for mail submitted with sendmail(1) (Postfix non_smtpd_milters)."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """RFC 5321 reverse-path and forward-paths, without angle brackets."""

    sender: str = ""
    """Empty for the null reverse-path (<>) and when unknown."""
    recipients: tuple[str, ...] = ()


class Header(NamedTuple):
    """One header field as it came."""

    name: str
    """Field name in the sender's own case; bytes outside ASCII as surrogate escapes."""
    raw: bytes
    """Field body as received, without the blank after the colon; folded lines keep their "\\n"."""

    @property
    def value(self) -> str:
        """The field body unfolded and with RFC 2047 encoded words decoded; never raises."""
        return decode_words(self.raw)


class Headers:
    """The header fields of a mail, in order, looked up by name without regard to case.

    Of the 50 fields of an ordinary mail some ten are ever asked for, so that the pairs are kept as
    they came, and made ready when they are.
    """

    __slots__ = ("_as_raw", "_decoded", "_fields", "_known", "_names")

    def __init__(
        self,
        fields: Iterable[tuple[str, bytes]] = (),
        *,
        as_raw: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """fields: name and body of each, top first. as_raw: makes a body what `Header.raw` is."""
        self._as_raw: Final = as_raw
        self._fields: Final = tuple(fields)
        self._names: Final = [name.lower() for name, _ in self._fields]
        self._known: Final = dict.fromkeys(self._names)
        self._decoded: Final[dict[str, str]] = {}

    def __iter__(self) -> Iterator[Header]:
        for name, body in self._fields:
            yield Header(name, self._as_raw(body))

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._known

    def has_any(self, lower_names: frozenset[str]) -> bool:
        """Whether there is a field of any of these names, which are in lower case."""
        return not self._known.keys().isdisjoint(lower_names)

    def names(self) -> Iterable[str]:
        """The distinct field names in lower case, in the order in which they first stand."""
        return self._known.keys()

    def fields(self, name: str) -> list[Header]:
        """Every field of that name, top first; empty when there is none."""
        key = name.lower()
        if key not in self._known:
            return []
        return [
            Header(spelled, self._as_raw(body))
            for (spelled, body), known in zip(self._fields, self._names, strict=True)
            if known == key
        ]

    def count(self, name: str) -> int:
        """How many fields of that name there are."""
        return self._names.count(name.lower())

    def raw(self, name: str) -> bytes:
        """Field body of the first field of that name; empty when there is none."""
        key = name.lower()
        if key not in self._known:
            return b""
        return self._as_raw(self._fields[self._names.index(key)][1])

    def first(self, name: str) -> str:
        """Decoded value of the first field of that name; empty when there is none.

        Decoded once: several facets ask for the same few fields.
        """
        key = name.lower()
        if key not in self._known:
            return ""
        value = self._decoded.get(key)
        if value is None:
            value = self._decoded[key] = decode_words(self.raw(key))
        return value

    def values(self, name: str) -> list[str]:
        """Decoded values of every field of that name, top first."""
        return [decode_words(header.raw) for header in self.fields(name)]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A MIME part that is not the text of the mail."""

    name: str
    """File name (RFC 2183, RFC 2231 and RFC 2047 decoded, path and control characters removed)."""
    content_type: str
    """Media type in lower case, without parameters: "application/pdf"."""
    size: int
    """Encoded bytes that were seen; a lower bound when the mail was cut at max_scan_bytes."""
    inline: bool = False
    """True for pictures and parts that the sender meant to be shown within the text."""
    purpose: str = ""
    """What the part is for, as it says itself, in lower case: the method of a calendar ("reply",
    RFC 6047), the message class of winmail.dat ("ipm.outlook.recall"); empty for all others."""


class _NewestText:
    """Field of `Mail`: what its constructor was given, else cut out of `text` when first asked for.

    Robots, mailing lists and bounces, a third of real mail, are told by their headers: nobody ever
    asks for theirs, and the cutting is the dearest thing in this room.
    """

    @overload
    def __get__(self, mail: None, owner: type) -> None: ...
    @overload
    def __get__(self, mail: "Mail", owner: type) -> str: ...
    def __get__(self, mail: "Mail | None", owner: type) -> str | None:
        if mail is None:
            return None  # what dataclasses asks for to learn the default of the field
        known: str | None = mail.__dict__["newest_text"]
        if known is None:
            # Two threads may both do this; both find the same.
            known = mail.__dict__["newest_text"] = newest_text(mail.text, mail.from_name)
        return known

    def __set__(self, mail: "Mail", value: str | None) -> None:
        """Called by the constructor only: a frozen dataclass refuses assignments by itself."""
        mail.__dict__["newest_text"] = value


@dataclass(frozen=True)
class Mail:
    """One mail, as far as it was read. Every field has a value, whatever came in."""

    headers: Headers = field(default_factory=Headers)
    envelope: Envelope = Envelope()
    client: Client = Client()
    queue_id: str = ""

    subject: str = ""
    from_address: str = ""
    """First mailbox of From:, lower case; empty when there is none that parses."""
    from_name: str = ""
    message_id: str = ""
    """Message-ID: with its angle brackets, or empty."""
    references: tuple[str, ...] = ()
    """Message-IDs of References: then In-Reply-To:, each once, oldest first; at most 64."""

    text: str = ""
    """The whole readable text: HTML turned to text, line ends "\\n"."""
    newest_text: _NewestText = _NewestText()
    """What the writer wrote now: quotes, signature and legal disclaimer cut away. A str; worked out
    of `text` on first use unless the constructor is given one."""
    attachments: tuple[Attachment, ...] = ()

    body_bytes: int = 0
    """Body bytes seen; less than the body when `truncated`."""
    truncated: bool = False
    """True when the body was longer than max_scan_bytes."""
    encrypted: bool = False
    """True for PGP/MIME, inline PGP and S/MIME enveloped data: only the recipient can read it."""
    status: MailStatus = MailStatus.OK
    defects: tuple[str, ...] = ()
    """Short ids of what was broken ("charset", "mime-depth", "no-blank-line"), each once."""
