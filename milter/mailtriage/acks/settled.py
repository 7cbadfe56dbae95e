"""A customer says in a word that the matter is settled, as our updates ask them to.

Then nobody promises them anything more, and nobody asks how it went: policies/acks has the word of
each language, in quotation marks.
"""

import re
from typing import Final

from mailtriage.mail.model import Mail

LONGEST: Final = 120
"""Characters of a text that can be no more than that. It may have a greeting and a name."""

_WORDS: Final = frozenset({
    "løst",                                  # da, nb
    "erledigt", "gelöst",                    # de
    "solved", "settled", "resolved",         # en
    "resuelto", "solucionado",               # es
    "ratkaistu",                             # fi
    "résolu", "réglé",                       # fr
    "risolto",                               # it
    "opgelost",                              # nl
    "załatwione", "rozwiązane",              # pl
    "resolvido",                             # pt
    "löst",                                  # sv
})  # fmt: skip
_FIRST_LINES: Final = 3
"""A greeting, an empty line, the word."""
_EDGES: Final = re.compile(r"^[\W_]+|[\W_]+$")


def says_settled(mail: Mail) -> bool:
    """Whether one of the first lines of its own is that word and nothing else, and the rest is no
    more than a name below it. "Not solved" is another line, and no such word."""
    text = mail.newest_text.strip()
    if not text or len(text) > LONGEST:
        return False
    lines = [_EDGES.sub("", line).casefold() for line in text.splitlines()]
    return any(line in _WORDS for line in [line for line in lines if line][:_FIRST_LINES])
