"""The texts of acknowledgements: shipped, overridden, tried out.

`policies/acks/LANGUAGE.toml` holds one each. A file of that name in the administrator's own
directory replaces single keys of it, or adds a language. What the tables [update] and [survey] of
these files say, `follow_up_texts` reads.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from quopri import encodestring
from types import MappingProxyType
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import jinja2

from mailtriage.acks.lint import html_faults
from mailtriage.acks.order import KbLink
from mailtriage.acks.template_language import Fault, compile_template
from mailtriage.acks.wording import moment
from mailtriage.toml_lines import KeyPath
from mailtriage.toml_source import Problem, Source, SourceError, TableReader, dotted, read_source

MAX_WORDS: Final = 120
"""What people read of an automatic mail."""
MAX_RENDERED: Final = 4 * 1024
"""Bytes of one text on the wire; the whole message, in two languages perhaps, may have 8 KiB."""

_KEYS: Final = ("subject_marker", "subject", "text", "html")
_REQUIRED: Final = _KEYS[:3]
FOLLOW_UPS: Final = ("update", "survey")
"""The tables of two further mails."""
LONGEST_SUBJECT: Final = 80
_LONGEST: Final = {"subject_marker": 40, "subject": LONGEST_SUBJECT}
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_SAME_LANGUAGE: Final = {"no": "nb", "nn": "nb"}  # who writes Nynorsk reads Bokmål
_SEVERAL_EMPTY: Final = re.compile(r"\n{3,}")
_TRAILING: Final = re.compile(r"[ \t]+$", re.MULTILINE)
_OPENING_QUOTES: Final = re.compile(r"=\s*(?:'''|\"\"\")\s*$")
# FreeScout, OTRS and others look for these in subjects, and drop the customer's answer.
_ROBOT_WORDS: Final = re.compile(r"auto[-_ ]?(?:repl|respon|answer)|out of office", re.IGNORECASE)


_Text = TypeVar("_Text")


class TextError(Exception):
    """Texts that must not be used; holds every problem of every file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems: Final = tuple(problems)


@dataclass(frozen=True, slots=True)
class Text:
    """The acknowledgement in one language."""

    language: str
    subject_marker: str
    """Stands before the customer's own subject; ends in a blank."""
    subject: str
    """The whole subject where the customer's is not repeated."""
    body: jinja2.Template
    html: jinja2.Template | None

    def plain(self, values: Mapping[str, object]) -> str:
        """The text part, given a value for each of `template_language.NAMES`. Ends in a line end.

        Raises jinja2.TemplateError for a text that was not tried out.
        """
        return tidy(self.body.render(values))

    def markup(self, values: Mapping[str, object]) -> str:
        """What goes into <body>, in the same way; empty when the language has no HTML."""
        return "" if self.html is None else tidy(self.html.render(values))


@dataclass(frozen=True, slots=True)
class Texts:
    """Every language there is. Made before processes fork: compiled templates are not pickled."""

    by_language: Mapping[str, Text]
    warnings: tuple[Problem, ...] = ()

    def missing(self, languages: Iterable[str]) -> tuple[str, ...]:
        """Which of these have no text; `ack.fallback_languages` must have one each."""
        return tuple(language for language in languages if language not in self.by_language)

    def choose(self, language: str, fallback: Sequence[str]) -> tuple[Text, ...]:
        """The text in the customer's language, else those of two fallback languages.

        `language`: a BCP 47 tag; "und" or empty when it is not known. Regional forms ("pt-br") are
        answered in their language. Never empty.
        """
        return in_language(self.by_language, language, fallback)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    source: Source
    values: dict[str, str]


def in_language(
    by_language: Mapping[str, _Text], language: str, fallback: Sequence[str]
) -> tuple[_Text, ...]:
    """The one text in the customer's language, else two at most; see `Texts.choose`."""
    primary = re.split(r"[-_]", language.lower(), maxsplit=1)[0]
    primary = _SAME_LANGUAGE.get(primary, primary)
    if primary in by_language:
        return (by_language[primary],)
    known = [by_language[one] for one in fallback if one in by_language]
    return tuple(known or by_language.values())[:2]


def load_texts(shipped: Path, own: Path | None = None, *, only_own: bool = False) -> Texts:
    """Read, compile and try out every text.

    `shipped`: policies/acks; `own`: the directory that `ack.templates` names. Each text is rendered
    in every combination of what it may have to say; with `only_own` those that `own` has a part
    in, since the tests have done it for the shipped ones. Raises TextError with all mistakes of all
    files, each with its line.
    """
    problems: list[Problem] = []
    files: dict[str, list[_File]] = {}
    for path in (*text_files(shipped, problems), *(text_files(own, problems) if own else ())):
        file = _read(path, problems)
        if file is not None:
            files.setdefault(path.stem, []).append(file)
    texts = {}
    for language in sorted(files):
        as_shipped = only_own and all(file.path.parent == shipped for file in files[language])
        text = _text(language, files[language], problems, try_out=not as_shipped)
        if text is not None:
            texts[language] = text
    if any(not problem.warning for problem in problems):
        raise TextError(sorted(problems))
    return Texts(MappingProxyType(texts), tuple(sorted(problems)))


def tidy(rendered: str) -> str:
    """Without blanks at line ends, and without two empty lines in a row."""
    lines = _TRAILING.sub("", rendered.replace("\r\n", "\n"))
    return _SEVERAL_EMPTY.sub("\n\n", lines).strip("\n") + "\n"


def text_files(directory: Path, problems: list[Problem]) -> list[Path]:
    """The files of a directory that are named after a language, sorted; others are problems."""
    try:
        found = sorted(path for path in directory.iterdir() if path.suffix == ".toml")
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        problems.append(Problem(str(directory), 1, "", f"cannot be read: {reason}"))
        return []
    for path in found:
        if not _LANGUAGE.fullmatch(path.stem):
            what, hint = "is not named after a language", "name it en.toml, de.toml, …"
            problems.append(Problem(str(path), 1, "", what, hint))
    if not found:
        problems.append(Problem(str(directory), 1, "", "holds no text", "en.toml, de.toml, …"))
    return [path for path in found if _LANGUAGE.fullmatch(path.stem)]


def _read(path: Path, problems: list[Problem]) -> _File | None:
    """One file with the keys that it gives; None when it is no TOML."""
    try:
        source = read_source(path)
    except SourceError as error:
        problems += error.problems
        return None
    table = TableReader(source, problems)
    language = table.text("language", path.stem)
    if language not in {"", path.stem}:
        hint = f'write language = "{path.stem}", or rename the file'
        table.problem("language", f'the file is {path.name}, but says "{language}"', hint)
    read = {key: table.text(key, "", empty=key == "html") for key in _KEYS}
    for key in FOLLOW_UPS:
        table.has(key)
    table.finish()
    values = {key: value for key, value in read.items() if table.has(key)}
    _check_subjects(table, values)
    return _File(path, source, values)


def _check_subjects(table: TableReader, values: Mapping[str, str]) -> None:
    for key, longest in _LONGEST.items():
        check_subject(table, key, values.get(key, ""), longest)
    if values.get("subject_marker") and not values["subject_marker"].endswith(": "):
        table.problem("subject_marker", "must end in a colon and a blank", 'as in "Received: "')


def check_subject(table: TableReader, key: str, value: str, longest: int) -> None:
    """Report what makes a value no subject: more than a line, or words that robots write."""
    if not value.isprintable() or len(value) > longest:
        table.problem(key, f"must be one line of at most {longest} characters")
    if _ROBOT_WORDS.search(value):
        hint = "an answer to it would be dropped"
        table.problem(key, "helpdesks take these words for the mark of a robot", hint)


def _text(
    language: str, files: Sequence[_File], problems: list[Problem], *, try_out: bool
) -> Text | None:
    """What the files of one language say together, the last first; None when it is unusable."""
    owner = {key: file for file in files for key in file.values}
    values = {key: file.values[key] for key, file in owner.items()}
    missing = [key for key in _REQUIRED if key not in values]
    first = files[0].source.file
    problems += [Problem(first, 1, key, "required, but missing") for key in missing]
    body = _compile("text", owner, problems)
    html = _compile("html", owner, problems)
    if body is None or any(not values.get(key) for key in _REQUIRED):
        return None
    text = Text(language, values["subject_marker"], values["subject"], body, html)
    for key, what, warning in _try_out(text) if try_out else ():
        source = owner[key].source
        problems.append(Problem(source.file, source.line((key,)), key, what, warning=warning))
    return text


def _compile(
    key: str, owner: Mapping[str, _File], problems: list[Problem]
) -> jinja2.Template | None:
    if key not in owner or not owner[key].values[key]:
        return None
    source = owner[key].source
    made = compile_template(owner[key].values[key], html=key == "html")
    if isinstance(made, jinja2.Template):
        return made
    problems += template_problems(source, (key,), made)
    return None


def template_problems(source: Source, path: KeyPath, found: Iterable[Fault]) -> Iterator[Problem]:
    """The faults of a template at that key, with their lines in the file."""
    first = _first_line(source, path)
    for fault in found:
        line = first + fault.line - 1
        yield Problem(source.file, line, dotted(path), fault.what, fault.hint)


def _first_line(source: Source, path: KeyPath) -> int:
    """Where the string of a key begins: TOML drops a line end right behind its quotes."""
    line = source.line(path)
    written = Path(source.file).read_text("utf-8-sig").split("\n")[line - 1]
    return line + 1 if _OPENING_QUOTES.search(written) else line


def sample_values(language: str) -> Iterator[dict[str, object]]:
    """Values for a template, in every combination of what is there and what is not."""
    berlin = ZoneInfo("Europe/Berlin")
    # The longest words for weekday and month in most languages: Wednesday, 23 September 2026.
    received, by, opens = (
        moment(at, berlin, language) for at in (1790154720, 1790330400, 1790316000)
    )
    kb = KbLink(
        "Correct an invoice",
        "https://help.desk.example/invoices#correct",
        "Open the invoice and choose Correct.",
    )
    yes_no = (True, False)
    for opening, is_promised, late, busy, is_urgent, has_privacy, matter in product(
        ("open", "closed", "holiday"), yes_no, yes_no, yes_no, yes_no, yes_no,
        ("kb", "no kb", "generic"),
    ):  # fmt: skip
        for is_known in yes_no if opening != "open" else (False,):
            yield {
                "received": received,
                "by": by if is_promised else "",
                "reference": "K7Q2-M4",
                "desk": "Example Ltd Customer Service",
                "opening": opening,
                "opens": opens if is_known else "",
                "busy": busy,
                "late": late,
                "generic": matter == "generic",
                "kb": kb if matter == "kb" else None,
                "urgent": "+49 30 1234567 (Mon-Fri 8-18)" if is_urgent else "",
                "privacy": "https://desk.example/privacy" if has_privacy else "",
            }


def _try_out(text: Text) -> list[tuple[str, str, bool]]:
    """Key, what is wrong with it, and whether that is only a warning; each mistake once."""
    found: dict[tuple[str, str, bool], None] = {}
    for values in sample_values(text.language):
        found |= dict.fromkeys(_rendered_faults(text, values))
    return list(found)


def _rendered_faults(text: Text, values: Mapping[str, object]) -> Iterator[tuple[str, str, bool]]:
    rendered = {"text": "", "html": ""}
    for key, render in (("text", text.plain), ("html", text.markup)):
        try:
            rendered[key] = render(values)
        except jinja2.UndefinedError:
            # Every name has a value, so that it can only be a part of a kb that is not there.
            yield key, "prints a part of kb where there is none: put it behind {% if kb %}", False
            return
        except (jinja2.TemplateError, TypeError) as error:
            yield key, f"cannot be rendered: {error}", False
            return
    for what, warning in plain_faults(rendered["text"]):
        yield "text", what, warning
    for fault in html_faults(rendered["html"]):
        yield "html", fault, False


def plain_faults(rendered: str) -> Iterator[tuple[str, bool]]:
    """What is wrong with a text as the customer gets it, and whether that is only a warning."""
    if not rendered.strip():
        yield "is empty in some cases", False
    if len(encodestring(rendered.encode())) > MAX_RENDERED:
        yield f"has more than {MAX_RENDERED} bytes in some cases", False
    if len([word for word in rendered.split() if not word.startswith("mailto:")]) >= MAX_WORDS:
        yield f"has {MAX_WORDS} words or more in some cases: few people read them", True
