"""Where help is needed: up to three sentences, each by a rule with a threshold.

They are for whoever can help the team: with a template, a translation, a redirect, more hands. They
tell of answers, never of who wrote them, and never of fewer than `ENOUGH`.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from mailtriage.insight.answer_report_model import AnswerPage, Known, TemplateUse
from mailtriage.insight.report_model import ALL, LEAST
from mailtriage.insight.report_parts import cut

ENOUGH: Final = 20
"""Answers from which anything is concluded."""
MOST: Final = 3
OTHER_LANGUAGE: Final = 0.2
"""Share of answers in another language than the customer's."""
EDITED: Final = 0.4
"""Of a template and the answers made of it, the share of words that half of them change."""
OLD: Final = 0.2
"""Share of answers made of an earlier version."""
TAKEN: Final = 0.2
"""Share of suggestions below which a template is not what agents want."""
NO_WORD: Final = 0.4
"""Share of answers without a greeting, or without a closing."""
MORE_NEGATIVE: Final = 0.2
"""By so much the share of displeased customers is higher than after other answers."""
SLOWER: Final = 1.5
"""Times the period before."""
LONGEST_LINK: Final = 64

_NAMES: Final = {
    "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fi": "Finnish", "fr": "French",
    "ga": "Irish", "hr": "Croatian", "hu": "Hungarian", "is": "Icelandic", "it": "Italian",
    "lt": "Lithuanian", "lv": "Latvian", "nb": "Norwegian", "nl": "Dutch", "nn": "Norwegian",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "sk": "Slovak", "sl": "Slovene", "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian",
}  # fmt: skip
_SHOWN: Final = 3
_HOUR: Final = 3600


class _Found(NamedTuple):
    """`weight`: answers that are concerned, by what such a thing means to a customer."""

    weight: float
    sentence: str


def help_needed(page: AnswerPage, templates: Sequence[Known]) -> tuple[str, ...]:
    """The sentences that matter most. `templates`: those that there are now, in all languages."""
    found = [
        *_languages(page, templates),
        *_links(page),
        *_words(page),
        *_slower(page),
        *(one for use in page.templates for one in _template(page, use)),
    ]
    found.sort(key=lambda one: (-one.weight, one.sentence))
    return tuple(one.sentence for one in found[:MOST])


def _languages(page: AnswerPage, templates: Sequence[Known]) -> Iterator[_Found]:
    for one in page.languages:
        whole, count = one.same.whole.now, one.other_count
        if whole < ENOUGH or count < max(LEAST, OTHER_LANGUAGE * whole):
            continue
        name = _name(one.language)
        said = f"Answers to mails in {name} are in {_name(one.other)} in {_of_ten(count, whole)}"
        said += f" cases: {_missing(page, one.language, name, templates)}"
        yield _Found(count, said)


def _missing(page: AnswerPage, language: str, name: str, templates: Sequence[Known]) -> str:
    fitting = [one for one in templates if page.skill in (ALL, one.skill) or one.skill == "general"]
    there = {one.id for one in fitting if one.language == language}
    used = {use.id: number for number, use in enumerate(page.templates)}
    lacking = sorted(
        {one.id for one in fitting} - there, key=lambda one: (used.get(one, len(used)), one)
    )
    if not lacking:
        return (
            f"somebody who writes {name} would help."
            if there
            else f"templates in {name} would help."
        )
    shown = lacking[:_SHOWN]
    more = len(lacking) - len(shown)
    listed = ", ".join(shown) + (f" and {more} more" if more else "")
    return f"templates in {name} are missing for {listed}."


def _links(page: AnswerPage) -> Iterator[_Found]:
    if page.seen.now < ENOUGH:
        return
    for one in page.links:
        count = one.figure.now
        if count >= LEAST:
            link = cut(one.name, LONGEST_LINK)
            said = f"{count} answers link to {link}, which the knowledge base does not have: a"
            yield _Found(count, f"{said} redirect, or a new build of its index, would help.")


def _words(page: AnswerPage) -> Iterator[_Found]:
    for name, part in (("greeting", page.greeting), ("closing", page.closing)):
        whole = part.whole.now
        without = whole - part.part.now
        if whole >= ENOUGH and without >= max(LEAST, NO_WORD * whole):
            said = (
                f"{_of_ten(without, whole)} answers have no {name}: templates that have one help."
            )
            yield _Found(0.3 * without, said)


def _slower(page: AnswerPage) -> Iterator[_Found]:
    now, before = page.most.now, page.most.before
    least = min(page.answers.now, page.answers.before or 0)
    if least >= ENOUGH and now and before and now > SLOWER * before and now > _HOUR:
        said = "8 of 10 answers came within"
        who = "the team" if page.skill == ALL else page.skill
        yield _Found(
            0.2 * page.answers.now,
            f"{said} {_hours(now)} of opening hours, in the period before within"
            f" {_hours(before)}: {who} may need more hands.",
        )


def _template(page: AnswerPage, use: TemplateUse) -> Iterator[_Found]:
    used, told = use.used.now, use.suggested.now
    if told >= ENOUGH and use.taken.now < TAKEN * told:
        yield _Found(
            0.5 * (told - use.taken.now),
            f"{use.id} was suggested for {told} answers and used in {use.taken.now} of them: its"
            " questions may fit too many mails.",
        )
    if used < ENOUGH:
        return
    if use.edited is not None and use.edited > EDITED:
        yield _Found(
            0.8 * use.much,
            f"{use.id}: half of the answers change more than {100 * EDITED:.0f} % of it; a new"
            " version could take that up.",
        )
    if use.old.now >= max(LEAST, OLD * used):
        yield _Found(
            0.6 * use.old.now,
            f"{use.id}: {_of_ten(use.old.now, used)} answers are made of an earlier version; the"
            " current one may not have reached everybody.",
        )
    after, others = use.after, page.without
    if min(after.wrote.now, others.wrote.now) >= ENOUGH and after.negative.now >= LEAST:
        share, usual = (each.negative.now / each.wrote.now for each in (after, others))
        if share >= usual + MORE_NEGATIVE:
            yield _Found(
                after.negative.now,
                f"{use.id}: {_of_ten(after.negative.now, after.wrote.now)} customers who wrote"
                " again were displeased, more than after answers without a template; its words are"
                " worth a look.",
            )


def _of_ten(part: int, whole: int) -> str:
    """A share as people say it."""
    return f"{min(9, max(1, round(10 * part / whole)))} of 10"


def _name(language: str) -> str:
    return _NAMES.get(language, f'"{language}"')


def _hours(seconds: float) -> str:
    return f"{seconds / _HOUR:.0f} h" if seconds >= 2 * _HOUR else f"{seconds / 60:.0f} min"
