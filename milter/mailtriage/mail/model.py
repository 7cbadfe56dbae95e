"""What a mail is to mailtriage: one frozen view, filled once, read by every facet.

`mail/` turns bytes or milter callbacks into a `Mail`. It holds no policy: whether a mail is urgent,
or who may be answered, is decided by the rooms above from what stands here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Header:
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
    """The header fields of a mail, in order, looked up by name without regard to case."""

    __slots__ = ("_by_name", "_decoded", "_fields")

    def __init__(self, fields: Iterable[Header] = ()) -> None:
        self._fields: Final = tuple(fields)
        by_name: dict[str, list[Header]] = {}
        for header in self._fields:
            by_name.setdefault(header.name.lower(), []).append(header)
        self._by_name: Final = by_name
        self._decoded: Final[dict[str, str]] = {}

    def __iter__(self) -> Iterator[Header]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._by_name

    def names(self) -> Iterable[str]:
        """The distinct field names in lower case, in the order in which they first stand."""
        return self._by_name.keys()

    def fields(self, name: str) -> list[Header]:
        """Every field of that name, top first; empty when there is none."""
        return self._by_name.get(name.lower(), [])

    def count(self, name: str) -> int:
        """How many fields of that name there are."""
        return len(self._by_name.get(name.lower(), ()))

    def first(self, name: str) -> str:
        """Decoded value of the first field of that name; empty when there is none.

        Decoded once: several facets ask for the same few fields.
        """
        key = name.lower()
        value = self._decoded.get(key)
        if value is None:
            found = self._by_name.get(key)
            value = found[0].value if found else ""
            self._decoded[key] = value
        return value

    def values(self, name: str) -> list[str]:
        """Decoded values of every field of that name, top first."""
        return [header.value for header in self._by_name.get(name.lower(), ())]


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


@dataclass(frozen=True, slots=True)
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
    newest_text: str = ""
    """What the writer wrote now: quotes, signature and legal disclaimer cut away."""
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
