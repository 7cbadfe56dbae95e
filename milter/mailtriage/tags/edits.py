"""Mail and Triage to header edits, all computed before the first one is sent."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Final

from mailtriage.config.profiles import GENERIC, Profile
from mailtriage.tags.lint import safe_fields
from mailtriage.tags.model import Deletion, Edits, Rerouting, Status
from mailtriage.tags.native import facts_of, native_fields
from mailtriage.tags.vocabulary import ALL_NAMES, DRY_RUN, PREFIX, SEAL, fields
from mailtriage.triage.model import Direction, Triage

MAX_DELETIONS: Final = 5000
"""Of one mail: each costs Postfix a walk through the header, and from about 10,000 on its cleanup
ends in a panic and the client gets a 451 ("too many reverse jump records", measured on 3.7). 5,000
take it some 2 s."""
_MAX_REPLACED: Final = 100
"""Fields of one mail that `replace` may take the place of: nobody writes more than a few."""

_OURS: Final = PREFIX.lower()

Seal = Callable[[tuple[tuple[str, str], ...]], str]
"""Our fields, without the seal, to the value of X-Mailtriage-Seal."""


def forged(names: Iterable[str], profile: Profile = GENERIC) -> tuple[Deletion, ...]:
    """Deletions of every field that only we, or the profile, may add.

    `names` are the names of all header fields of the mail, as they came and in their order: all of
    them, not only those that an analysis looked at, or a forged field would hide behind many
    others. Each name from its highest index down: deleting one field shifts those below it, so that
    in ascending order every second one would survive (measured on Postfix 3.7).

    At most MAX_DELETIONS, or Postfix would refuse the mail. `header_checks`, which are linear and
    come first, have no such bound.
    """
    exact, starts, ends = _stripped(profile.strips)
    suspect = (_OURS, *starts, *exact)
    count: dict[str, int] = {}
    for name in names:
        # Postfix counts "X-Foo : v" among the X-Foo, and takes no name beyond ASCII for one.
        lower = name.lower().rstrip()
        if not lower.startswith(suspect) and not lower.endswith(ends):
            continue
        listed = lower in exact or lower.startswith(starts) or lower.endswith(ends)
        if (listed or _is_ours(lower)) and lower.isascii():
            count[lower] = count.get(lower, 0) + 1
    if sum(count.values()) > MAX_DELETIONS:
        count = _affordable(count, exact)
    return tuple(
        Deletion(name, index) for name, number in count.items() for index in range(number, 0, -1)
    )


def _affordable(count: Mapping[str, int], exact: Collection[str]) -> dict[str, int]:
    """As many whole names as can be deleted: those that are known before any "X-Mailtriage-Foo",
    and the rarest first, so that no bomb of one name shields another."""
    known = {*exact, *(name.lower() for name in ALL_NAMES)}
    left = MAX_DELETIONS
    kept = {}
    for name, number in sorted(count.items(), key=lambda one: (one[0] not in known, one[1])):
        if number <= left:
            kept[name] = number
            left -= number
    return kept


@lru_cache(maxsize=64)
def _stripped(
    patterns: tuple[str, ...],
) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """Whole names, beginnings and ends."""
    exact = frozenset(name for name in patterns if "*" not in name)
    starts = tuple(name[:-1] for name in patterns if name.endswith("*"))
    ends = tuple(name[1:] for name in patterns if name.startswith("*"))
    return exact, starts, ends


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
    ack_rule: str = "none",
    answer: str = "",
    seal: Seal | None = None,
    recipient: str = "",
    silence: bool = False,
    replace: tuple[tuple[str, str], ...] = (),
    reroute: tuple[Rerouting, ...] = (),
    dry_run: str = "",
    tagged: bool = True,
) -> Edits:
    """What is done to a mail: forged fields go, ours come. Outbound mail only loses forged ones.

    `names` are those of all header fields of the mail, see `forged`. `seal` signs our fields.
    `answer` is the template that is suggested, or "none"; empty: there are no templates.
    `recipient` is the hidden one; with `silence` the helpdesk is told to leave the acknowledging to
    us, if it understands that; `replace` are fields that take the place of the mail's own of
    those names. `reroute` is handed through.

    `dry_run` is the value of X-Mailtriage-Dry-Run; empty: the field is not added. Unless `tagged`
    that one is all there is of ours and of the profile's tags: without a seal, as nothing is left
    to be signed, so that the desk judges the mail itself.
    """
    names = tuple(names)
    if triage.direction is Direction.OUTBOUND:
        # The profile of a mailbox in Cc is no reason to take anything from the customer's copy.
        return Edits(forged(names), recipient=recipient)
    replaced = _every(names, [name for name, _ in replace])
    if len(replaced) > _MAX_REPLACED:
        replaced, replace = (), ()
    delete = (*forged(names, profile), *replaced)
    ours: tuple[tuple[str, str], ...] = ()
    if tagged:
        ours = fields(triage, status, kb=kb, ack=ack, ack_rule=ack_rule, answer=answer)
    if dry_run:
        ours = (*ours, (DRY_RUN, dry_run))
    if seal is not None and tagged:
        signature = seal(tuple(entry for entry in ours if entry[0] != SEAL))
        ours = tuple((name, signature if name == SEAL else value) for name, value in ours)
    native = native_fields(profile, facts_of(ours)) if tagged and profile.emits else ()
    native = safe_fields((*native, *(profile.silence if silence else ())))
    return Edits(delete, (*ours, *native, *replace), recipient, reroute)


def _every(names: Iterable[str], wanted: Iterable[str]) -> tuple[Deletion, ...]:
    """Deletions of every field of these names, each name from its highest index down."""
    lower = [name.lower() for name in names]
    return tuple(
        Deletion(name, index)
        for name in wanted
        for index in range(lower.count(name.lower()), 0, -1)
    )
