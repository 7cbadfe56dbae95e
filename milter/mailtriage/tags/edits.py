"""Mail and Triage to header edits, all computed before the first one is sent."""

from collections.abc import Iterable
from typing import Final

from mailtriage.tags.lint import safe_fields
from mailtriage.tags.model import Deletion, Edits, Status
from mailtriage.tags.profile import GENERIC, Profile
from mailtriage.tags.vocabulary import PREFIX, fields
from mailtriage.triage.model import Direction, Triage

_OURS: Final = PREFIX.lower()


def forged(names: Iterable[str], profile: Profile = GENERIC) -> tuple[Deletion, ...]:
    """Deletions of every field that only we, or the profile, may add.

    `names` are the names of all header fields of the mail, as they came and in their order: all of
    them, not only those that an analysis looked at, or a forged field would hide behind many
    others. Each name from its highest index down: deleting one field shifts those below it, so that
    in ascending order every second one would survive (measured on Postfix 3.7).
    """
    exact = frozenset(name.lower() for name in profile.strip if not name.endswith("*"))
    starts = tuple(name[:-1].lower() for name in profile.strip if name.endswith("*"))
    suspect = (_OURS, *starts, *exact)
    count: dict[str, int] = {}
    for name in names:
        lower = name.lower()
        if not lower.startswith(suspect):
            continue
        # Postfix counts "X-Foo : v" among the X-Foo, and takes no name beyond ASCII for one.
        lower = lower.rstrip()
        if (_is_ours(lower) or lower in exact or lower.startswith(starts)) and lower.isascii():
            count[lower] = count.get(lower, 0) + 1
    return tuple(
        Deletion(name, index) for name, number in count.items() for index in range(number, 0, -1)
    )


def _is_ours(name: str) -> bool:
    """X-Mailtriage or X-Mailtriage-Anything, but not X-Mailtriageable."""
    return name.startswith(_OURS) and (name == _OURS or name[len(_OURS)] == "-")


def edits(
    names: Iterable[str],
    triage: Triage,
    status: Status = Status.OK,
    *,
    profile: Profile = GENERIC,
    kb: str = "none",
    ack: str = "none",
) -> Edits:
    """What is done to a mail: forged fields go, ours come. Outbound mail only loses forged ones.

    `names` are those of all header fields of the mail, see `forged`.
    """
    delete = forged(names, profile)
    if triage.direction is Direction.OUTBOUND:
        return Edits(delete)
    ours = fields(triage, status, kb=kb, ack=ack)
    return Edits(delete, (*ours, *safe_fields(profile.fields(triage))))
