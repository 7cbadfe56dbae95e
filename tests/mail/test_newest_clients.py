"""What mail clients put around an answer, in sixteen languages: only the answer comes out.

data/clients has one file a language; its README says what stands where.
"""

import pathlib
import textwrap
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from mailtriage.mail.newest import newest_text

FOLDER = pathlib.Path(__file__).with_name("data") / "clients"
CLIENTS: dict[str, dict[str, Any]] = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.toml"))
}
OWN = "The lamp still flickers, even with the bulb that you sent.\n\nPlease send a new one."
QUOTE = "Hello,\n\nhave you tried another bulb?\nWe have 3 in stock.\n\nThe shop"


def each(key: str) -> pytest.MarkDecorator:
    """A test for every entry of one list in every language."""
    cases = [(code, entry) for code, texts in CLIENTS.items() for entry in texts[key]]
    ids = [
        f"{code}-{' '.join(entry) if isinstance(entry, list) else entry}" for code, entry in cases
    ]
    return pytest.mark.parametrize("entry", [entry for _, entry in cases], ids=ids)


def marked(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def wrappings(line: str) -> Iterator[str]:
    """A line as it stands, and as programs wrap it: by its length, and before its address."""
    yield line
    for width in (76, 60, 40):
        yield textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
    for bracket in "<(":
        before, found, after = line.partition(bracket)
        if found and before and "@" in after:
            yield f"{before.rstrip()}\n{found}{after}"


class TestAttributions:
    @each("attributions")
    def test_above_a_marked_quote(self, entry: str) -> None:
        for line in wrappings(entry):
            for gap in ("\n", "\n\n"):
                assert newest_text(f"{OWN}\n\n{line}{gap}{marked(QUOTE)}\n") == OWN, line

    @each("attributions")
    def test_above_a_quote_without_marks(self, entry: str) -> None:
        if "@" not in entry:
            return
        for line in wrappings(entry):
            assert newest_text(f"{OWN}\n\n{line}\n\n{QUOTE}\n") == OWN, line

    @each("attributions")
    def test_with_the_marks_of_right_to_left_scripts(self, entry: str) -> None:
        line = entry.replace("<", "<\u202a").replace(">", "\u202c\u200f>")
        assert newest_text(f"{OWN}\n\n\u200e{line}\u200e\n\n{marked(QUOTE)}\n") == OWN

    @each("attributions")
    def test_answer_below_the_quote(self, entry: str) -> None:
        assert newest_text(f"{entry}\n{marked(QUOTE)}\n\n{OWN}\n") == OWN

    @each("attributions")
    def test_answers_between_the_quotes(self, entry: str) -> None:
        text = f"{entry}\n> Which bulb?\n\nThe blue one.\n\n> And when?\n> Thanks\n\nToday.\n"
        assert newest_text(text) == "The blue one.\n\nToday."

    @each("attributions")
    def test_attribution_of_an_older_quote_within(self, entry: str) -> None:
        inner = marked(f"{entry}\n\n{marked(QUOTE)}")
        assert newest_text(f"{OWN}\n\n{entry}\n\n> Yes.\n>\n{inner}\n") == OWN


class TestHeaders:
    @each("headers")
    def test_alone(self, entry: list[str]) -> None:
        assert newest_text(f"{OWN}\n\n{chr(10).join(entry)}\n\n{QUOTE}\n") == OWN

    @each("headers")
    def test_below_a_rule(self, entry: list[str]) -> None:
        for rule in ("_" * 32, "-" * 40, "\u2500" * 20, "___", "* * *"):
            for gap in ("\n", "\n\n"):
                text = f"{OWN}\n\n{rule}{gap}{chr(10).join(entry)}\n\n{QUOTE}\n"
                assert newest_text(text) == OWN, rule

    @each("headers")
    def test_with_bold_labels(self, entry: list[str]) -> None:
        if entry[0].startswith(">"):
            return
        bold = [f"*{line.partition(':')[0]}:*{line.partition(':')[2]}" for line in entry]
        assert newest_text(f"{OWN}\n\n{chr(10).join(bold)}\n\n{QUOTE}\n") == OWN

    @each("headers")
    def test_with_empty_lines_between(self, entry: list[str]) -> None:
        header = "\n\n".join(entry)
        assert newest_text(f"{OWN}\n\n{header}\n\n{QUOTE}\n") == OWN

    @each("headers")
    def test_with_a_tab_or_a_hard_space_at_the_colon(self, entry: list[str]) -> None:
        for colon in (":\t", "\xa0:\xa0", "\u202f: "):
            lines = [
                f"{line.partition(':')[0].rstrip()}{colon}{line.partition(':')[2].strip()}"
                for line in entry
            ]
            assert newest_text(f"{OWN}\n\n{chr(10).join(lines)}\n\n{QUOTE}\n") == OWN, colon

    @each("headers")
    def test_a_forwarded_mail_alone_gives_its_text(self, entry: list[str]) -> None:
        assert newest_text(f"{chr(10).join(entry)}\n\n{OWN}\n") == OWN


class TestSeparators:
    @each("separators")
    def test_above_a_header(self, entry: str) -> None:
        header = "From: The Shop <info@shop.example>\nDate: 3 Mar 2025 09:00\nTo: E\nSubject: Lamp"
        assert newest_text(f"{OWN}\n\n{entry}\n{header}\n\n{QUOTE}\n") == OWN
        assert newest_text(f"{OWN}\n\n{entry}\n\n{marked(header)}\n>\n{marked(QUOTE)}\n") == OWN

    @each("separators")
    def test_without_a_header(self, entry: str) -> None:
        assert newest_text(f"{OWN}\n\n{entry}\n\n{QUOTE}\n") == OWN

    @each("separators")
    def test_a_forwarded_mail_alone_gives_its_text(self, entry: str) -> None:
        header = "From: The Shop <info@shop.example>\nDate: 3 Mar 2025 09:00\nTo: E\nSubject: Lamp"
        assert newest_text(f"{entry}\n{header}\n\n{OWN}\n") == OWN


class TestBelowTheText:
    @each("taglines")
    def test_tagline(self, entry: str) -> None:
        assert newest_text(f"{OWN}\n\n{entry}\n") == OWN
        assert newest_text(f"{OWN}\n\n{entry}\n\n{marked(QUOTE)}\n") == OWN
        assert (
            newest_text(
                f"{OWN}\n{entry}\n________________________________\nFrom: A <a@b.example>\nSent: 9:00\nTo: b\nSubject: c\n\n{QUOTE}\n"
            )
            == OWN
        )

    @each("above")
    def test_answer_above_the_line(self, entry: str) -> None:
        assert newest_text(f"{OWN}\n\n{entry}\n\n{QUOTE}\n") == OWN
        assert (
            newest_text(
                f"{OWN}\n\nOn 3/3/25 at 9:00 Shop <a@b.example> wrote:\n\n{marked(entry)}\n{marked(QUOTE)}\n"
            )
            == OWN
        )

    @each("disclaimers")
    def test_disclaimer(self, entry: str) -> None:
        folded = textwrap.fill(entry, 60)
        for below in (entry, folded, f"*{entry}*", f"---\n{entry}", f"________________\n{entry}"):
            assert newest_text(f"{OWN}\n\n{below}\n") == OWN, below
            assert (
                newest_text(f"{OWN}\n\nEva\n\n{below}\n\n{marked(QUOTE)}\n") == f"{OWN}\n\nEva"
            ), below

    @each("footers")
    def test_footer(self, entry: str) -> None:
        assert newest_text(f"{OWN}\n\n{entry}\n") == OWN
        assert newest_text(f"{OWN}\n\nEva\n\n{entry}\n") == f"{OWN}\n\nEva"


@pytest.mark.parametrize("code", CLIENTS)
class TestSignatures:
    def test_greeting_and_name_stay(self, code: str) -> None:
        closing = CLIENTS[code]["closing"][0]
        for text in (f"{closing}\nEva", f"{closing},\nEva Ek", f"{closing},\n\nEva", closing):
            assert newest_text(f"{OWN}\n\n{text}\n") == f"{OWN}\n\n{text}"

    def test_block_goes(self, code: str) -> None:
        closing, title, phone = CLIENTS[code]["closing"]
        blocks = (
            f"{closing}\nEva Ek\n{title}\n{phone} +46 8 555 010 20\nwww.ek.example",
            f"{closing},\n\nEva Ek\n{title}\n\nEk & Co AB\nStorgatan 1, Lund\n{phone} 08-555 010 20",
            f"{closing}\n\n*Eva Ek*\n{title} | Ek & Co\n{phone} +46 8 555 010 20 | eva@ek.example",
            f"{closing}\n\nEva Ek\n{title}\n___________________\nEk & Co AB\nwww.ek.example",
        )
        for block in blocks:
            assert newest_text(f"{OWN}\n\n{block}\n") == OWN, block

    def test_block_below_a_delimiter_goes(self, code: str) -> None:
        _, title, phone = CLIENTS[code]["closing"]
        for delimiter in ("-- ", "--", "\u2014", "___", "***", "_____________", "---", "\u2013"):
            text = f"{OWN}\n\nEva\n{delimiter}\nEva Ek\n{title}\n{phone} +46 8 555 010 20\n"
            assert newest_text(text) == f"{OWN}\n\nEva", delimiter
