"""A mail's text as HTML: the same words, with links that can be pressed."""

import re
from collections.abc import Mapping
from html import escape
from typing import Final

from mailtriage.acks.lint import html_faults

_PARAGRAPH: Final = re.compile(r"\n{2,}")


def html_of(plain: str, links: Mapping[str, str]) -> str:
    """What goes into <body>: paragraphs with their lines, escaped. Ends in a line end.

    `plain`: a text as `UpdateText.plain` gives it; `links`: label by URL. A URL of it that stands
    between blanks or line ends becomes a link that shows its label (with none, itself). A line
    "label: url" becomes the link alone. What `lint.html_faults` would refuse as a link, such as
    http:, stays as it is. Time grows with the length of the text, whatever stands in it.
    """
    made = {url: f'<a href="{escape(url)}">{escape(links[url] or url)}</a>' for url in links}
    anchors = {url: anchor for url, anchor in made.items() if url and not html_faults(anchor)}
    known = "|".join(map(re.escape, sorted(anchors, key=len, reverse=True)))
    standing = re.compile(rf"(?<!\S)(?:{known})(?!\S)") if known else None
    paragraphs = (
        "<br>\n".join(_line(line, links, anchors, standing) for line in paragraph.split("\n"))
        for paragraph in _PARAGRAPH.split(plain.strip("\n"))
    )
    return "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)


def _line(
    line: str,
    links: Mapping[str, str],
    anchors: Mapping[str, str],
    standing: re.Pattern[str] | None,
) -> str:
    label, colon, url = line.rpartition(": ")
    # In French a blank stands before the colon, too.
    if colon and url in anchors and label.rstrip().casefold() == links[url].casefold():
        return anchors[url]
    written, end = [], 0
    for found in standing.finditer(line) if standing else ():
        written += [escape(line[end : found.start()]), anchors[found.group()]]
        end = found.end()
    return "".join((*written, escape(line[end:])))
