"""Many phrases looked for at once."""

import re
from collections.abc import Iterable, Mapping


def any_of(phrases: Iterable[str]) -> str:
    """A regular expression for any of these phrases, of which shared beginnings stand once.

    At each place of a text `re` tries one letter for all of them, where it would try each branch of
    "a|b|c": on a line of mail and a hundred phrases this is three times as fast, also compared with
    `in` for each. Which of two phrases is found that begin in one place is left open.
    """
    return _branches(sorted(set(phrases)), 0)


def _branches(phrases: list[str], depth: int) -> str:
    """For phrases in order that have their first `depth` letters in common, what follows those."""
    if len(phrases[0]) == depth:
        return ""  # all of the first one stands there: what the others add is of no interest
    by_letter: dict[str, list[str]] = {}
    for phrase in phrases:
        by_letter.setdefault(phrase[depth], []).append(phrase)
    branches = [
        re.escape(letter) + _branches(group, depth + 1) for letter, group in by_letter.items()
    ]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def by_first_word(table: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """The phrases of a table by their first word: one look-up a line instead of hundreds."""
    found: dict[str, set[str]] = {}
    for phrases in table.values():
        for phrase in phrases:
            folded = phrase.casefold()
            found.setdefault(folded.split(" ", 1)[0], set()).add(folded)
    return {word: tuple(sorted(phrases)) for word, phrases in found.items()}
