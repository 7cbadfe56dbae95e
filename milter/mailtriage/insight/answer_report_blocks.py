"""The page about answers as tables, plots and sentences, for text and HTML."""

from collections.abc import Sequence
from datetime import date

from mailtriage.insight.answer_report import MUCH
from mailtriage.insight.answer_report_help import ENOUGH, LONGEST_LINK
from mailtriage.insight.answer_report_model import (
    After,
    AnswerPage,
    AnswerReport,
    Part,
    Spoken,
    TemplateUse,
)
from mailtriage.insight.report_model import ALL
from mailtriage.insight.report_parts import (
    NOTHING,
    Block,
    Plot,
    Sheet,
    Table,
    before,
    counts,
    cut,
    figure_row,
    hours,
    in_percent,
    known_before,
    share,
    span_text,
    times,
)


def answer_sheets(report: AnswerReport) -> tuple[Sheet, ...]:
    """A sheet for each page; one that says why where there is none."""
    about = f"mailbox {report.mailbox}" if report.mailbox else "all mailboxes"
    lines = (
        f"{span_text(report.period, report.zone)} ({report.zone}), {about}",
        f"Compared with {span_text(report.before, report.zone)}.",
    )
    if report.pages is None:
        return (Sheet("Answers", lines, (Block("Answers", notes=(report.missing.answers,)),)),)
    return tuple(
        Sheet(
            f"Answers: {page.skill or 'all skills'}",
            lines,
            _blocks(report, page, number),
            Block("Where help is needed", notes=page.help or (_no_help(page),)),
        )
        for number, page in enumerate(report.pages)
    )


def _blocks(report: AnswerReport, page: AnswerPage, number: int) -> tuple[Block, ...]:
    """`number`: of the page, for ids."""
    if not page.answers.now:
        said = "No answer of a human was seen: answers count where they pass this mail server."
        return (Block("Answers", notes=(said,)),)
    by_skill = [_skills(report)] if page.skill == ALL else []
    if not page.seen.now:
        why = report.missing.seen or "Nobody looked at these answers when they went out."
        return (*by_skill, _answers(page, why), _by_day(page, number), _waits(page, number))
    return (
        *by_skill,
        _templates(page, report.missing.templates),
        _answers(page, report.missing.before),
        _by_day(page, number),
        _waits(page, number),
        _moods(page),
        _languages(page),
        _links(page),
    )


def _no_help(page: AnswerPage) -> str:
    if page.answers.now < ENOUGH:
        return f"Too few answers to say; {ENOUGH} are needed."
    return "Nothing stands out."


def _skills(report: AnswerReport) -> Block:
    rows = tuple(map(_skill, report.pages or ()))
    notes = ["In brackets: the period before. Each skill has a page of its own."]
    if report.others:
        notes.append(f"{report.others} more answers are of skills with too few for one.")
    headings = ("skill", "answers", "half within", "8 of 10 within", "in the customer's language",
                "with greeting", "with closing", "made of a template")  # fmt: skip
    return Block("Skills", table=Table(headings, rows), notes=tuple(notes))


def _skill(page: AnswerPage) -> tuple[str, ...]:
    return (
        page.skill or "all",
        counts(page.answers),
        times(page.half),
        times(page.most),
        *map(_part, (page.same_language, page.greeting, page.closing, page.made)),
    )


def _part(part: Part) -> str:
    """The share, and in brackets that of before."""
    now = share(part.part.now, part.whole.now)
    earlier = share(part.part.before, part.whole.before)
    return now if NOTHING in (now, earlier) else f"{now} ({earlier})"


def _templates(page: AnswerPage, missing: str) -> Block:
    rows = tuple(map(_template, page.templates))
    made, told = page.made, page.suggested
    count, whole = made.part.now, made.whole.now
    if not rows:
        said = "No answer was made of a template."
        return Block("Templates", notes=tuple(filter(None, (said, missing))))
    said = f"{count} of {whole} answers{in_percent(count, whole)} are made of a template"
    old = f", {page.old.part.now} of them of an earlier version" if page.old.part.now else ""
    notes = [f"{said}{_earlier(made)}{old}."]
    if told.whole.now:
        notes.append(
            f"Where one was suggested it was used in {told.part.now} of {told.whole.now}"
            f"{in_percent(told.part.now, told.whole.now)}{_earlier(told)}."
        )
    if page.kept is not None:
        notes.append(
            f"Medians: {_median(page.kept)} of a template's words are kept,"
            f" {_median(page.added)} of the answer's words are new."
        )
    notes.append(
        "Changed, a median too: the share of the words of both that only one of them has; much:"
        f" more than {100 * MUCH:.0f} %. Displeased: of the customers who wrote again."
    )
    headings = ("template", "used", "suggested", "used then", "earlier version", "words kept",
                "words new", "changed", "changed much", "displeased after")  # fmt: skip
    return Block(
        "Templates", table=Table(headings, rows), notes=tuple(filter(None, (*notes, missing)))
    )


def _earlier(part: Part) -> str:
    """The share of the period before, behind that of now."""
    found = share(part.part.before, part.whole.before)
    return "" if found == NOTHING else f" (before: {found})"


def _template(use: TemplateUse) -> tuple[str, ...]:
    return (
        use.id,
        counts(use.used),
        counts(use.suggested),
        f"{use.taken.now}{in_percent(use.taken.now, use.suggested.now)}",
        f"{use.old.now}{in_percent(use.old.now, use.used.now)}",
        *map(_median, (use.kept, use.added, use.edited)),
        f"{use.much}{in_percent(use.much, use.used.now)}",
        _displeased(use.after),
    )


def _median(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.0f} %"


def _displeased(after: After) -> str:
    wrote, negative = after.wrote.now, after.negative.now
    return f"{negative} of {wrote}{in_percent(negative, wrote)}" if wrote else NOTHING


def _answers(page: AnswerPage, note: str) -> Block:
    rows = [figure_row("answers", page.answers, None)]
    if page.seen.now:
        rows.append(figure_row("looked at", page.seen, page.answers))
        for name, part in (
            ("in the customer's language", page.same_language),
            ("with a greeting", page.greeting),
            ("with a closing", page.closing),
            ("with a link to no page", page.nowhere),
        ):
            rows.append(figure_row(name, part.part, part.whole))
    table = Table(("", "answers", "share", "before", "share", "change"), tuple(rows))
    return Block("Answers", table=table, notes=(note,) if note else ())


def _by_day(page: AnswerPage, number: int) -> Block:
    labels = _labels(page)
    figures = [day.answers for day in page.days]
    values = tuple(one.now for one in figures)
    said = ", ".join(f"{label}: {value}" for label, value in zip(labels, values, strict=True))
    plot = Plot(f"answers{number}", "Answers, by day", said, labels, values, known_before(figures))
    return Block("Answers by day", plot=plot)


def _waits(page: AnswerPage, number: int) -> Block:
    labels = _labels(page)
    words = tuple(hours(day.half.now) for day in page.days)
    said = ", ".join(f"{label}: {word}" for label, word in zip(labels, words, strict=True))
    plot = Plot(
        f"waits{number}",
        "Time within which half of the answers came, by day",
        said,
        labels,
        tuple(_minutes(day.half.now) for day in page.days),
        tuple(_minutes(day.half.before) for day in page.days)
        if any(day.half.before is not None for day in page.days)
        else (),
        words,
    )
    rows = (
        ("half within", hours(page.half.now), hours(page.half.before)),
        ("8 of 10 within", hours(page.most.now), hours(page.most.before)),
    )
    return Block(
        "Since the customer's last mail, in opening hours",
        plot=plot,
        table=Table(("", "time", "before"), rows),
        notes=("By day: half within.",),
    )


def _minutes(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds / 60)


def _labels(page: AnswerPage) -> tuple[str, ...]:
    return tuple(f"{date.fromisoformat(day.name):%a %d}" for day in page.days)


def _moods(page: AnswerPage) -> Block:
    title = "Customers who wrote again"
    after = (("after a template", page.with_template), ("after other answers", page.without))
    if not any(one.wrote.now for _, one in after):
        return Block(title, notes=("Nobody has written again yet.",))
    rows = tuple(
        (
            name,
            str(one.wrote.now),
            f"{one.positive.now}{in_percent(one.positive.now, one.wrote.now)}",
            f"{one.negative.now}{in_percent(one.negative.now, one.wrote.now)}",
            share(one.negative.before, one.wrote.before),
        )
        for name, one in after
    )
    return Block(title, table=Table(("", "wrote", "pleased", "displeased", "before"), rows))


def _languages(page: AnswerPage) -> Block:
    title = "Languages of customers"
    if not page.languages:
        return Block(title, notes=("None could be told.",))
    headings = ("customer", "most others in", "answered in it", "before")
    return Block(title, table=Table(headings, tuple(map(_spoken, page.languages)), texts=2))


def _spoken(one: Spoken) -> tuple[str, ...]:
    part, whole = one.same.part, one.same.whole
    return (
        one.language,
        f"{one.other} ({one.other_count})" if one.other else NOTHING,
        f"{part.now} of {whole.now}{in_percent(part.now, whole.now)}",
        share(part.before, whole.before),
    )


def _links(page: AnswerPage) -> Block:
    title = "Links to help pages that are not there"
    rows = tuple(
        (cut(one.name, LONGEST_LINK), str(one.figure.now), before(one.figure)) for one in page.links
    )
    notes: Sequence[str] = ()
    if page.rare_links:
        what = "One other stands" if page.rare_links == 1 else f"{page.rare_links} others stand"
        notes = (f"{what} in too few answers to be shown.",)
    elif not rows:
        notes = ("None was seen.",)
    table = Table(("link", "answers", "before"), rows) if rows else None
    return Block(title, table=table, notes=tuple(notes))
