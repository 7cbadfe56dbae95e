"""Mail and Triage to header edits, all computed before the first one is sent."""

from collections.abc import Iterable
from typing import Final

from mailtriage.mail.model import Headers
from mailtriage.tags.lint import safe_fields
from mailtriage.tags.model import Deletion, Edits, Status
from mailtriage.tags.profile import GENERIC, Profile
from mailtriage.tags.vocabulary import PREFIX, fields
from mailtriage.triage.model import Direction, Triage

_OURS: Final = PREFIX.lower()


def forged(headers: Headers, profile: Profile = GENERIC) -> tuple[Deletion, ...]:
    """Deletions of every field that only we, or the profile, may add.

    Each name from its highest index down: deleting one field shifts those below it, so that in
    ascending order every second one would survive (measured on Postfix 3.7).
    """
    exact = {name.lower() for name in profile.strip if not name.endswith("*")}
    starts = tuple(name[:-1].lower() for name in profile.strip if name.endswith("*"))
    deletions: list[Deletion] = []
    for name in headers.names():
        plain = name.strip()
        if (
            plain == _OURS
            or plain.startswith(f"{_OURS}-")
            or plain in exact
            or (starts and plain.startswith(starts))
        ):
            count = headers.count(name)
            deletions += (Deletion(name, index) for index in range(count, 0, -1))
    return tuple(deletions)


def edits(
    headers: Headers,
    triage: Triage,
    status: Status = Status.OK,
    *,
    profile: Profile = GENERIC,
    kb: str = "none",
    ack: str = "none",
) -> Edits:
    """What is done to a mail: forged fields go, ours come. Outbound mail only loses forged ones."""
    delete = forged(headers, profile)
    if triage.direction is Direction.OUTBOUND:
        return Edits(delete)
    insert: Iterable[tuple[str, str]] = (
        *fields(triage, status, kb=kb, ack=ack),
        *profile.fields(triage),
    )
    return Edits(delete, safe_fields(insert))
