"""Other reply parsers and HTML readers behind one signature, those that can be imported.

Versions: alternatives.txt. Nothing of the project depends on these.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Parser:
    name: str
    parse: Callable[[str], str] | None
    """A text to its newest part, or HTML to text; None when it is not installed."""


def _loaded(name: str, load: Callable[[], Callable[[str], str]]) -> Parser:
    try:
        return Parser(name, load())
    except Exception:  # whatever an optional package breaks of
        return Parser(name, None)


def _talon() -> Callable[[str], str]:
    quotations = import_module("talon.quotations")
    return lambda text: str(quotations.extract_from_plain(text))


def _talon_signature() -> Callable[[str], str]:
    quotations = import_module("talon.quotations")
    bruteforce = import_module("talon.signature.bruteforce")
    return lambda text: str(bruteforce.extract_signature(quotations.extract_from_plain(text))[0])


def _mail_parser_reply() -> Callable[[str], str]:
    languages = ["en", "de", "fr", "it", "nl", "es", "pl", "sv", "da", "fi", "pt", "no"]
    module = import_module("mailparser_reply")
    known = import_module("mailparser_reply.constants").MAIL_LANGUAGES
    parser = module.EmailReplyParser(languages=[code for code in languages if code in known])

    def parse(text: str) -> str:
        return str(parser.read(text=text).replies[0].body)

    return parse


def _email_reply_parser() -> Callable[[str], str]:
    parser = import_module("email_reply_parser").EmailReplyParser
    return lambda text: str(parser.parse_reply(text))


def _quotequail() -> Callable[[str], str]:
    quotequail = import_module("quotequail")

    def parse(text: str) -> str:
        return "\n".join(
            part for shown, part in quotequail.quote(text, quote_intro_line=True) if shown
        )

    return parse


def _email_reply_extractor() -> Callable[[str], str]:
    extract = import_module("email_reply_extractor").extract_new_text
    return lambda text: str(extract(text).text)


def reply_parsers() -> list[Parser]:
    return [
        _loaded("talon, quotations", _talon),
        _loaded("talon, with signatures", _talon_signature),
        _loaded("mail-parser-reply", _mail_parser_reply),
        _loaded("email-reply-parser (zapier)", _email_reply_parser),
        _loaded("quotequail", _quotequail),
        _loaded("email-reply-extractor", _email_reply_extractor),
    ]


def _selectolax() -> Callable[[str], str]:
    parser = import_module("selectolax.lexbor").LexborHTMLParser

    def read(html: str) -> str:
        body = parser(html).body
        return str(body.text(separator="\n")) if body else ""

    return read


def _lxml() -> Callable[[str], str]:
    html_module = import_module("lxml.html")
    return lambda html: str(html_module.fromstring(html).text_content())


def _html2text() -> Callable[[str], str]:
    module = import_module("html2text")
    return lambda html: str(module.html2text(html))


def _resiliparse() -> Callable[[str], str]:
    extract = import_module("resiliparse.extract.html2text").extract_plain_text
    return lambda html: str(extract(html))


def html_readers() -> list[Parser]:
    return [
        _loaded("selectolax (lexbor)", _selectolax),
        _loaded("lxml text_content", _lxml),
        _loaded("html2text", _html2text),
        _loaded("resiliparse", _resiliparse),
    ]
