"""Everything that is signed or hashed with the secret of the installation.

One secret, from which a key is derived for each purpose (BLAKE2b with `person`), so that what is
made for one can never pass for another. All nodes of one organisation share it.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from mailtriage.acks.robots import unwrapped, without_detail

HIDDEN_DOMAIN: Final = "mailtriage.invalid"
"""Domain of the hidden recipient (RFC 2606: it exists nowhere)."""

KEY_BYTES: Final = 16
SIGNATURE_BYTES: Final = 8

_KEY_CHARS: Final = 26
_SIGNATURE_CHARS: Final = 13
_BASE32: Final = "[a-z2-7]"
# Without ASCII, case folding would let the Kelvin sign pass for a "k".
_LETTERS: Final = re.IGNORECASE | re.ASCII
_HIDDEN: Final = re.compile(
    rf"t1\.({_BASE32}{{{_KEY_CHARS}}})\.({_BASE32}{{{_SIGNATURE_CHARS}}})@mailtriage\.invalid",
    _LETTERS,
)
_SWEPT: Final = re.compile(
    rf"s1\.({_BASE32}{{{_SIGNATURE_CHARS}}})\.({_BASE32}{{{_SIGNATURE_CHARS}}})@mailtriage\.invalid",
    _LETTERS,
)
_ACK_ID: Final = re.compile(
    rf"<ack\.({_BASE32}{{{_KEY_CHARS}}})\.({_BASE32}{{{_SIGNATURE_CHARS}}})@[A-Za-z0-9.-]{{1,253}}>",
    _LETTERS,
)

Way = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class Hidden:
    """A hidden recipient whose signature is ours."""

    key: bytes
    """The dedupe key of the mail."""
    way: Way
    """Whether the mail came in, or is one of the organisation's own going out."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes and recognises what carries our signature."""

    secret: bytes = field(repr=False)
    """32 bytes or more."""

    def _mac(self, purpose: bytes, data: bytes, size: int) -> bytes:
        # `person` and `key` take 16 and 64 bytes; both are part of the hash's parameters.
        return hashlib.blake2b(
            data, key=self.secret[:64], person=purpose, digest_size=size
        ).digest()

    def dedupe_key(self, mailbox: str, sender: str, *identity: bytes) -> bytes:
        """What one mail is, however often a client sends it: 16 bytes.

        No queue id, time or address of a client goes in: a client that lost the answer to its DATA
        sends the mail again, and gets another queue id, perhaps from another machine.

        `mailbox`: address of the service mailbox (or "" for outbound mail); `sender`: reverse-path;
        `identity`: the Message-ID, or what stands in for it.
        """
        # Lower case: whether the local part's case matters is the sender's affair, and a retry
        # never changes it.
        parts = [mailbox.lower().encode(), sender.lower().encode("utf-8", "surrogatepass")]
        data = b"".join(len(part).to_bytes(4) + part for part in (*parts, *identity))
        return self._mac(b"dedupe", data, KEY_BYTES)

    def hidden_recipient(self, key: bytes, way: Way) -> str:
        """The address, without angle brackets, that brings Postfix's copy to the desk."""
        signature = self._mac(b"hidden-" + way.encode(), key, SIGNATURE_BYTES)
        return f"t1.{_base32(key)}.{_base32(signature)}@{HIDDEN_DOMAIN}"

    def read_hidden_recipient(self, address: str) -> Hidden | None:
        """The inverse; None when the address is not one that we signed."""
        found = _HIDDEN.fullmatch(address)
        if found is None:
            return None
        key, signature = _from_base32(found[1]), _from_base32(found[2])
        ways: tuple[Way, ...] = ("in", "out")
        for way in ways:
            ours = self._mac(b"hidden-" + way.encode(), key, SIGNATURE_BYTES)
            if hmac.compare_digest(ours, signature):
                return Hidden(key, way)
        return None

    def sweeper_recipient(self, mailbox: str) -> str:
        """The address to which `recipient_bcc_maps` copies the mail of that mailbox.

        It brings the desk mails that passed while the milter was down; others arrive twice and are
        known by their key.
        """
        name = self.mailbox_name(mailbox)
        signature = self._mac(b"sweeper", _from_base32(name), SIGNATURE_BYTES)
        return f"s1.{name}.{_base32(signature)}@{HIDDEN_DOMAIN}"

    def read_sweeper_recipient(self, address: str) -> str:
        """`mailbox_name` of the mailbox; empty when the address is not one that we signed."""
        found = _SWEPT.fullmatch(address)
        if found is None:
            return ""
        ours = self._mac(b"sweeper", _from_base32(found[1]), SIGNATURE_BYTES)
        return found[1].lower() if hmac.compare_digest(ours, _from_base32(found[2])) else ""

    def mailbox_name(self, mailbox: str) -> str:
        """A name for a mailbox that fits where its address does not: 13 characters of [a-z2-7]."""
        return _base32(self._mac(b"mailbox", mailbox.lower().encode(), SIGNATURE_BYTES))

    def ack_message_id(self, key: bytes, domain: str) -> str:
        """Message-ID of the acknowledgement of a mail, with angle brackets; always the same.

        No word in it that a helpdesk takes for a robot's ("auto", "reply", "notify"): it comes back
        in the customer's References.
        """
        signature = self._mac(b"ack-id", key, SIGNATURE_BYTES)
        return f"<ack.{_base32(key)}.{_base32(signature)}@{domain}>"

    def read_ack_message_id(self, message_id: str) -> bytes | None:
        """Key of the mail that this Message-ID of ours acknowledged; None when it is not ours."""
        found = _ACK_ID.fullmatch(message_id)
        if found is None:
            return None
        key, signature = _from_base32(found[1]), _from_base32(found[2])
        ours = self._mac(b"ack-id", key, SIGNATURE_BYTES)
        return key if hmac.compare_digest(ours, signature) else None

    def loop_mark(self, key: bytes) -> str:
        """Value of X-Mailtriage-Loop on everything that we send."""
        return f"{_base32(key)}.{_base32(self._mac(b'loop', key, SIGNATURE_BYTES))}"

    def reference(self, key: bytes) -> str:
        """The short code of a case, to be read out over the telephone: "K7Q2-M4"."""
        # Crockford's alphabet has no I, L, O and U: nothing to mishear or misread.
        alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
        number = int.from_bytes(self._mac(b"reference", key, 8))
        letters = [alphabet[(number >> (5 * place)) & 31] for place in range(6)]
        return f"{''.join(letters[:4])}-{''.join(letters[4:])}"

    def pseudonym(
        self, kind: Literal["address", "message-id", "subject", "network"], text: str
    ) -> bytes:
        """What stands in for something private in the ledger: the same for the same text, and
        nothing without the secret. 16 bytes; case does not matter."""
        if kind == "address":
            # One person, however the address is written: by a forwarder, with "+detail", quoted.
            text = without_detail(unwrapped(text))
        raw = text.lower().encode("utf-8", "surrogatepass")
        return self._mac(kind.encode(), raw, KEY_BYTES)

    def seal(self, data: bytes) -> str:
        """Signature of what the analysis found, for X-Mailtriage-Seal."""
        return _base32(self._mac(b"seal", data, KEY_BYTES))

    def return_signature(self, data: bytes) -> str:
        """Signature of what a return address says (acks/returns.py): 13 characters of [a-z2-7]."""
        return _base32(self._mac(b"return", data, SIGNATURE_BYTES))

    def is_returned(self, data: bytes, signature: str) -> bool:
        """Whether that is our signature of that data."""
        ours = self.return_signature(data)
        return hmac.compare_digest(ours.encode(), signature.encode("utf-8", "replace"))

    def follow_up_key(self, kind: Literal["update", "survey"], key: bytes, number: int) -> bytes:
        """Outbox key of the mail that follows the acknowledgement of `key`: the same each time."""
        return self._mac(kind.encode(), key + number.to_bytes(2), KEY_BYTES)

    def is_sealed(self, data: bytes, signature: str) -> bool:
        """Whether that is our seal of that data."""
        return hmac.compare_digest(self.seal(data).encode(), signature.encode("utf-8", "replace"))


def key_text(key: bytes) -> str:
    """A dedupe key in text: 26 characters of [a-z2-7]."""
    return _base32(key)


def key_of_text(text: str) -> bytes:
    """The inverse of `key_text`; empty when it is none."""
    return _from_base32(text)


# The key of a mail stands in four places of its acknowledgement and of the log.
@lru_cache(maxsize=1024)
def _base32(data: bytes) -> str:
    # Lower case, no padding: stands unquoted in an address and a Message-ID, whatever folds case.
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def _from_base32(text: str) -> bytes:
    """The inverse, of 26 or 13 letters that one of the patterns has let pass."""
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
