"""Which tier the writer has: what the organisation's own customer list says."""

from collections.abc import Mapping
from typing import Final, Protocol

from mailtriage.mail.model import Mail
from mailtriage.triage.model import Evidence, Tier

_MAX_LEVELS: Final = 5


class CustomerList(Protocol):
    """Tells the tier of an address or a domain. Bounded in time, and never raises."""

    def tier(self, keys: tuple[str, ...]) -> tuple[Tier, str]:
        """The tier of the first key that is listed, and that key; (UNKNOWN, "") when none is."""


class FixedCustomers:
    """A customer list that is held in memory."""

    def __init__(self, tiers: Mapping[str, Tier]) -> None:
        """`tiers` maps addresses and domains, in lower case, to tiers."""
        self._tiers: Final = dict(tiers)

    def __len__(self) -> int:
        return len(self._tiers)

    def tier(self, keys: tuple[str, ...]) -> tuple[Tier, str]:
        """See CustomerList."""
        for key in keys:
            found = self._tiers.get(key)
            if found is not None:
                return found, key
        return Tier.UNKNOWN, ""


def lookup_keys(address: str) -> tuple[str, ...]:
    """What an address is looked up by, the most exact first: itself, its domain, parent domains.

    anna+order7@shop.example.com gives itself, anna@shop.example.com, shop.example.com and
    example.com.
    """
    local, at, domain = address.lower().rpartition("@")
    if not at or not local or not domain:
        return ()
    keys = [f"{local}@{domain}"]
    plain = local.partition("+")[0]
    if plain and plain != local:
        keys.append(f"{plain}@{domain}")
    labels = domain.split(".")
    keys.append(domain)
    # Never the top-level domain alone; no company has more levels than this below it.
    first = max(1, len(labels) - _MAX_LEVELS)
    keys += [".".join(labels[start:]) for start in range(first, len(labels) - 1)]
    return tuple(keys)


def judge(mail: Mail, customers: CustomerList) -> tuple[Tier, tuple[Evidence, ...]]:
    """The tier of From:, else of the envelope sender."""
    for address, where in ((mail.from_address, "From"), (mail.envelope.sender, "envelope sender")):
        keys = lookup_keys(address)
        if not keys:
            continue
        tier, key = customers.tier(keys)
        if tier is not Tier.UNKNOWN:
            matched = "address" if "@" in key else "domain"
            return tier, (Evidence("tier", "customer-list", 1.0, f"{where} ({matched})"),)
    return Tier.UNKNOWN, ()
