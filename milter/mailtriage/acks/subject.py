"""The subject of an acknowledgement: the customer's own, made harmless, behind a marker.

RFC 3834 section 3.1.5 asks for the original subject behind something short that marks the answer
as automatic; section 6 for care with what a stranger has written: whoever forges a sender must not
be able to have his link delivered to the victim by us.
"""

import re
from typing import Final, Literal

import regex

MAX_LENGTH: Final = 150
"""Code points of the customer's subject that are repeated."""

_LOOKED_AT: Final = 1000  # characters; what stands further on is cut in any case

# Controls, surrogates, unassigned, format characters (bidirectional overrides, joiners, tags), and
# what else Unicode shows as nothing.
_INVISIBLE: Final = regex.compile(r"[\p{C}\p{Default_Ignorable_Code_Point}]+")
_BLANKS: Final = regex.compile(r"[\p{Z}\t\r\n\v\f\x85]+")
_GRAPHEME: Final = regex.compile(r"\X")

# What mail programs turn into a link by themselves: words with dots between them, of which one
# behind a dot could begin a top-level domain. "z.B.", "24.12.2026" and "v2.0.1" have none.
_DOTTED: Final = re.compile(r"(?<![\w-])[\w-]++(?:\.[\w-]++)++")
_COULD_BE_HOST: Final = re.compile(r"\.[^\W\d_]{2}")
# Of files that customers write about; none of them is a top-level domain.
_EXTENSION: Final = re.compile(
    r"\.(?:pdf|docx?|xlsx?|pptx?|odt|ods|csv|txt|rtf|xml|json|html?|eml|msg|jpe?g|png|gif|heic"
    r"|webp|mp3|mp4|exe|dll|log|bak)\Z",
    re.IGNORECASE,
)
_REPLY_MARK: Final = re.compile(r"re\s*:\s*", re.IGNORECASE)
_MAX_TICKET: Final = 60


def subject_line(
    original: str,
    *,
    style: Literal["marker", "re"],
    marker: str,
    fixed: str,
    ticket: str = "",
) -> str:
    """The subject, decoded, on one line.

    `original`: the customer's subject, RFC 2047 decoded; empty when it is not to be repeated.
    `style`: "marker" puts `marker` ("Received: ") before it, "re" exactly "Re: ", by which some
    helpdesks find the ticket. `fixed` stands where there is nothing to repeat. `ticket`: a token
    of the helpdesk ("[rt #12]") that is put behind, and never cut.
    """
    subject = harmless(original)
    if style == "re":
        mark = _REPLY_MARK.match(subject)  # the customer's own counts: two would be another subject
        subject = subject[mark.end() :] if mark else subject
        line = f"Re: {subject}" if subject else fixed
    else:
        line = f"{marker}{subject}" if subject else fixed
    token = one_line(ticket)[:_MAX_TICKET]
    return f"{line} {token}" if token else line


def harmless(subject: str) -> str:
    """A stranger's subject with nothing in it that acts: no control or invisible character, no
    encoded word, no link; at most 150 code points, cut between what people see as characters."""
    line = one_line(subject[:_LOOKED_AT])
    # What looks like an encoded word (RFC 2047) would be decoded once more by who reads it.
    line = line.replace("=?", "= ?").replace("://", "[:]//")
    return _cut(_DOTTED.sub(_unlinked, line))


def one_line(text: str) -> str:
    """Without controls and what else is not seen; every kind of blank is one plain blank."""
    return " ".join(_INVISIBLE.sub("", _BLANKS.sub(" ", text)).split())


def _unlinked(dotted: re.Match[str]) -> str:
    words = dotted[0]
    follows = dotted.string[dotted.end() : dotted.end() + 1]
    looked_at = words if follows in {"/", ":", "?", "#"} else _EXTENSION.sub("", words)
    return words.replace(".", "[.]") if _COULD_BE_HOST.search(looked_at) else words


def _cut(line: str) -> str:
    if len(line) <= MAX_LENGTH:
        return line
    end = 0
    for grapheme in _GRAPHEME.finditer(line):
        if grapheme.end() > MAX_LENGTH - 1:
            break
        end = grapheme.end()
    kept = line[:end].rstrip()
    return f"{kept}…" if kept else ""
