"""Bodies of any size that were made to be slow: for tests and for the table of times."""

from collections.abc import Callable
from typing import Final

Maker = Callable[[int], str]


def repeated(unit: str, before: str = "Hello there.\n\n", after: str = "") -> Maker:
    """A body of the wanted number of characters out of one unit."""

    def make(size: int) -> str:
        return (before + unit * (size // len(unit) + 1))[: max(0, size - len(after))] + after

    return make


def nested(opening: str, closing: str) -> Maker:
    """Elements within each other, text in the middle, all closed."""

    def make(size: int) -> str:
        depth = size // len(opening + closing)
        return opening * depth + "x" + closing * depth

    return make


TEXTS: Final[dict[str, Maker]] = {
    "On ... wrote: lines": repeated("On Mon, Mar 3, 2025 at 10:12 AM Bo Ek <bo@ek.example> wrote:\n"),
    "attributions in pieces": repeated("On Mon, Mar 3, 2025 at 10:12 AM\nBo Ek\n<bo@ek.example>\nwrote:\n\n"),
    "attributions that never end": repeated("On Mon, 3 Mar 2025 at 10:12, Bo Ek <bo@ek.example>\n"),
    "On <<<<": repeated("<", before="On "),
    "On ... in one line": repeated("On 3/3/2025 10:12 wrote "),
    "verbs": repeated("wrote skrev schrieb escribió:\n"),
    "dates and colons": repeated("3.3.2025 10:12:\n"),
    "addresses and colons": repeated("bo@ek.example:\n"),
    "quoted lines": repeated("> a line of a quote that goes on for a while\n"),
    "depth of quotes": repeated("> "),
    "quotes, each deeper": lambda size: "\n".join(">" * n for n in range(int((2 * size) ** 0.5))),
    "quotes and answers in turns": repeated("> question\nanswer\n"),
    "quotes and attributions in turns": repeated("On 3/3/25 at 10:12 a@b.example wrote:\n> x\ny\n"),
    "long quoted lines without their ends": repeated("> " + "word " * 15 + "\nand the rest\n"),
    "a line of dashes": repeated("-", before=""),
    "a line of underscores": repeated("_"),
    "dashed lines": repeated("-----\n"),
    "rules of all kinds": repeated("-----\n_____\n***\n\u2014\n\n"),
    "rules above fields": repeated("_____\nAaa: b\nCcc: d\n"),
    "separators": repeated("-----Original Message-----\n"),
    "From: lines": repeated("From: a\n"),
    "labels of one kind": repeated("To: a\nCc: b\n"),
    "half headers": repeated("From: a\nTo: b\n\n"),
    "headers of two fields": repeated("From: a@b.example\nSent: x\n\n"),
    "whole headers, quoted": repeated("> From: a@b.example\n> Sent: 10:12\n> To: c\n\n"),
    "fields without end": repeated("From: a\n" + "x\n" * 20),
    "delimiters": repeated("-- \n"),
    "delimiters above blocks": repeated("--\nEva Ek\n+46 8 555 010 20\n"),
    "taglines": repeated("Sent from my iPhone\n\n"),
    "nearly taglines": repeated("Sent from the shop, and then\n"),
    "closings": repeated("Kind regards\n"),
    "closings and names": repeated("Mvh\nEva Ek\n\n"),
    "names": repeated("Eva Ek\n"),
    "telephone numbers": repeated("+46 8 555 010 20\n"),
    "digits and blanks": repeated("1 2-"),
    "sides by side": repeated("a | b · c \u2013 d "),
    "disclaimers": repeated("This e-mail may contain confidential information\n\n"),
    "beginnings of disclaimers": repeated("This e-mail or that\n"),
    "a paragraph of beginnings": repeated("This message contains a lamp\n", before=""),
    "footers": repeated("unsubscribe http://x.example\n\n"),
    "words of footers": repeated("print the virus "),
    "web forms": repeated("Name: x\nE-mail: y\n"),
    "labels": repeated("a:\n"),
    "empty lines": repeated("\n"),
    "lines of blanks": repeated(" \t \n"),
    "one line of blanks": repeated(" "),
    "blanks within a line": repeated(" " * 200 + "x\n"),
    "hard blanks": repeated("\xa0\u202f"),
    "one word": repeated("a"),
    "one line": repeated("word "),
    "lines of one letter": repeated("a\n"),
    "combining marks": repeated("a\u0301\u0302\u0323"),
    "marks of direction": repeated("\u202a\u200e\u202c\u200b"),
    "letters that grow when folded": repeated("\u0130\ufb03\u1e9e"),
    "emoji": repeated("\U0001f469\u200d\U0001f4bb"),
    "carriage returns": repeated("a\r"),
    "armour": repeated("-----BEGIN PGP SIGNATURE-----\n"),
}  # fmt: skip

MARKUP: Final[dict[str, Maker]] = {
    "open div": repeated("<div>"),
    "nested div": nested("<div>", "</div>"),
    "nested table": nested("<table><tr><td>", "</td></tr></table>"),
    "nested quotes": nested("<blockquote type=cite>", "</blockquote>"),
    "nested hidden": nested('<div style="display:none">', "</div>"),
    "nested sizes": nested('<div style="font-size:0"><b style="font-size:9px">', "</b></div>"),
    "nested signatures": nested('<div class="gmail_signature">', "</div>"),
    "nested lists": repeated("<ul><li>x"),
    "ends of nothing": repeated("</div></blockquote>"),
    "ends within a quote": repeated("</div>", before="<blockquote type=cite>" * 12),
    "<": repeated("<"),
    "<a": repeated("<a "),
    "< and >": repeated("<>"),
    "open comment": repeated("<!-- ", before="x"),
    "comments": repeated("<!-- x -->"),
    "comments in pieces": repeated("<!-- x --"),
    "declarations": repeated("<!"),
    "references": repeated("&amp;"),
    "unknown references": repeated("&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    "references without end": repeated("&"),
    "numbers without end": repeated("&#x"),
    "one long attribute": repeated("a", before='<p style="', after='">x</p>'),
    "one attribute of quotes": repeated("'\"", before="<p style="),
    "open attribute": repeated("a=\"b' ", before="<p "),
    "open attributes": repeated('<a x="'),
    "many attributes": repeated("<p " + "a=1 " * 50 + ">x"),
    "attributes, each another": lambda size: "".join(f'<p style="a:{n}">x' for n in range(size // 20)),
    "styles": repeated('<p style="font-size:9px;display:block;color:red">x'),
    "hints": repeated('<p class="quote outlook signature padding:3">x'),
    "style element": repeated("p{a:b}", before="<style>", after="</style>x"),
    "open style element": repeated("p{a:b}", before="<style>"),
    "raw elements": repeated("<style>"),
    "cells": repeated("<td>x"),
    "line breaks": repeated("<br>"),
    "paragraphs": repeated("<p>&nbsp;"),
    "Outlook's paragraphs": repeated("<p class=MsoNormal>x<o:p></o:p></p>\n"),
    "rules above quotes": repeated('<div style="border-top:solid;padding:3.0pt0">x'),
    "verbatim": repeated("<pre>\n"),
    "pictures": repeated('<img alt="\U0001f600">'),
    "text without tags": repeated("word \n"),
    "spans within a line": repeated("<span>x</span> "),
}  # fmt: skip
