"""Helpdesk profiles: the native header fields of the helpdesk that a mailbox feeds.

A profile says which fields are added beside ours, and which are deleted from inbound mail because
the helpdesk would believe them. "generic" has none of either: our own vocabulary is all it needs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mailtriage.triage.model import Triage

Fields = tuple[tuple[str, str], ...]


def _no_fields(_: Triage) -> Fields:
    return ()


@dataclass(frozen=True, slots=True)
class Profile:
    """What one helpdesk reads."""

    name: str
    strip: tuple[str, ...] = ()
    """Names of header fields that are deleted from inbound mail; a last `*` stands for any rest."""
    fields: Callable[[Triage], Fields] = _no_fields
    """Triage to the native fields, added below ours."""
    silence: Fields = ()
    """Fields by which the helpdesk leaves out its own acknowledgement of a mail: there must be one
    at most, and none for whom we must not answer."""


GENERIC: Final = Profile("generic")

# Both are read on channels that the helpdesk trusts, and ignored on others.
_ZAMMAD: Final = Profile(
    "zammad", strip=("X-Zammad-*",), silence=(("X-Zammad-Send-Auto-Response", "false"),)
)
_ZNUNY: Final = Profile("znuny", strip=("X-OTRS-*",), silence=(("X-OTRS-Loop", "yes"),))
_OTOBO: Final = Profile("otobo", strip=("X-OTOBO-*",), silence=(("X-OTOBO-Loop", "yes"),))

PROFILES: Final = {profile.name: profile for profile in (GENERIC, _ZAMMAD, _ZNUNY, _OTOBO)}
"""Every profile that `mailboxes.….profile` may name."""
