"""Domain names as DNS knows them, so that two spellings of one are compared as one."""

from typing import Final

_DEVIATIONS: Final = frozenset("ßς\u200c\u200d")


def to_ascii(domain: str) -> str:
    """The domain in lower case and A-labels (RFC 5890), without the dot at the end.

    Labels that IDNA does not allow stay as they are: nothing is resolved here, only compared. So do
    those with letters that IDNA 2003, which the standard library has, makes others of: a signature
    of strasse.example must not vouch for straße.example (RFC 5894 section 7.2).
    """
    lower = domain.strip().rstrip(".").lower()
    if lower.isascii() or not _DEVIATIONS.isdisjoint(lower):
        return lower
    try:
        return lower.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return lower


def same_address(address: str) -> str:
    """The address in the one spelling in which addresses are compared: lower case, its domain in
    A-labels. "@domain" and "*@domain" are taken too."""
    local, at, domain = address.lower().rpartition("@")
    return f"{local}{at}{to_ascii(domain)}"


def spellings(address: str) -> tuple[str, ...]:
    """An address from `same_address` in each spelling that a mail server may see: as it is and,
    where its domain has another, in U-labels (RFC 6531 lets a client send either)."""
    local, at, domain = address.rpartition("@")
    try:
        written = f"{local}{at}{domain.encode('ascii').decode('idna')}"
    except UnicodeError:
        return (address,)
    return (address,) if written == address else (address, written)
