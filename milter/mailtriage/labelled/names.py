"""Names of skills out of what people call them."""

import re
import unicodedata
from typing import Final

MAX_NAME: Final = 40

# Letters that Unicode does not decompose; casefold has already made "ss" of "ß".
_BASE: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae",
                              "œ": "oe", "ı": "i"})  # fmt: skip
_BETWEEN: Final = re.compile(r"[^a-z0-9]+")


def skill_name(label: str) -> str:
    """`[a-z0-9][a-z0-9-]{0,39}`: "Billing & Payments" → "billing-payments"; "" if nothing is left.

    Accents go, all else between letters and digits becomes one hyphen.
    """
    plain = unicodedata.normalize("NFKD", label[:400].casefold().translate(_BASE))
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return _BETWEEN.sub("-", letters).strip("-")[:MAX_NAME].rstrip("-")


class SkillNames:
    """The names given so far in one set, so that two labels never become one skill unnoticed."""

    def __init__(self) -> None:
        self._first: Final[dict[str, tuple[str, str]]] = {}
        self._told: Final[set[tuple[str, str]]] = set()

    def changed(self) -> list[tuple[str, str]]:
        """Label and name where they differ by more than case, in the order of their appearance."""
        return [
            (label, name)
            for name, (label, _) in self._first.items()
            if label.strip().casefold() != name
        ]

    def take(self, label: str, place: str) -> tuple[str, str]:
        """The name for a label, and what is wrong with it: empty when all is well, or already told.

        `place` is where the label stands. Labels that differ in nothing but case and blanks around
        them are one; folders are two places, whose names the caller compares as they are.
        """
        name = skill_name(label)
        if not name:
            return "", f"'{label[:60]}' has no letter or digit for the name of a skill"
        spelling = label.strip()
        first, where = self._first.setdefault(name, (spelling, place))
        pair = (first, spelling)
        if first.casefold() == spelling.casefold() or pair in self._told:
            return name, ""
        self._told.add(pair)
        return name, f"'{spelling[:60]}' and '{first[:60]}' ({where}) both become {name}"


def modified_utf7(name: str) -> str:
    """A folder name of IMAP as people see it (RFC 3501 section 5.1.3); as it is when it is broken.

    Maildir++ keeps "Rücksendungen" in the folder ".R&APw-cksendungen".
    """
    parts = []
    for number, piece in enumerate(name.split("&")):
        if number == 0:
            parts.append(piece)
            continue
        shifted, dash, rest = piece.partition("-")
        if not dash:
            return name
        try:
            decoded = f"+{shifted.replace(',', '/')}-".encode("ascii").decode("utf-7")
        except UnicodeError:
            return name
        parts.append((decoded if shifted else "&") + rest)
    return "".join(parts)
