"""The weekly report as tables, plots and sentences: what the text page and the HTML page have in
common. Small numbers are not made into shares here, for both.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from mailtriage.insight.report import percent
from mailtriage.insight.report_after_blocks import after_blocks
from mailtriage.insight.report_model import ALL, Answers, Knowledge, Report, Volume
from mailtriage.insight.report_parts import (
    NOTHING,
    Block,
    Plot,
    Table,
    age,
    before,
    counts,
    cut,
    figure_row,
    in_percent,
    known_before,
    moment,
    shares,
    span_text,
    times,
)


def heading(report: Report) -> str:
    """What it is about, in one line."""
    about = f"mailbox {report.mailbox}" if report.mailbox else "all mailboxes"
    return f"{span_text(report.period, report.zone)} ({report.zone}), {about}"


def compared(report: Report) -> str:
    """What it is compared with, in one line."""
    return f"Compared with {span_text(report.before, report.zone)}."


def blocks(report: Report) -> tuple[Block, ...]:
    """All parts, also those of which there is nothing to show: each says why."""
    return (
        *_volume(report),
        _answers(report),
        _surges(report),
        *after_blocks(report),
        *_knowledge(report),
    )


def _volume(report: Report) -> tuple[Block, ...]:
    volume = report.volume
    if volume is None:
        return (Block("What came in", notes=(report.missing.volume,)),)
    whole = volume.human
    total = Block(
        "What came in",
        table=Table(
            ("", "mails", "share", "before", "share", "change"),
            (
                figure_row("all mail", volume.mails, None),
                figure_row("written by people", whole, volume.mails),
                figure_row("of these, chasers", volume.chasers, whole),
                figure_row("of these, churn high", volume.churn_high, whole),
            ),
        ),
        notes=tuple(filter(None, (report.missing.before,))),
    )
    return (
        total,
        Block("By day", plot=_by_day(volume), notes=_parts_of_days(report)),
        Block("By hour", plot=_by_hour(volume)),
        Block("Skills", table=shares("skill", volume.skills, whole)),
        Block("Languages", table=shares("language", volume.languages, whole)),
        Block("Priorities", table=shares("priority", volume.priorities, whole)),
        Block("Moods", table=shares("mood", volume.moods, whole)),
        Block(
            "Acknowledgements",
            table=shares("result", volume.acks, volume.mails),
            notes=_rules(volume),
        ),
    )


def _rules(volume: Volume) -> tuple[str, ...]:
    if not volume.rules:
        return ()
    named = ", ".join(f"{one.name} {one.figure.now}" for one in volume.rules if one.figure.now)
    return (f"Skipped by rule: {named}.",) if named else ()


def _parts_of_days(report: Report) -> tuple[str, ...]:
    zone = ZoneInfo(report.zone)
    moments = (datetime.fromtimestamp(at, zone) for at in (report.period.start, report.period.end))
    if any((one.hour, one.minute) != (0, 0) for one in moments):
        return ("The first or the last day is not a whole one.",)
    return ()


def _by_day(volume: Volume) -> Plot:
    days = volume.days
    labels = tuple(f"{date.fromisoformat(one.name):%a %d}" for one in days)
    said = ", ".join(f"{label}: {one.figure.now}" for label, one in zip(labels, days, strict=True))
    return Plot(
        "days",
        "Mails that people wrote, by day",
        said,
        labels,
        tuple(one.figure.now for one in days),
        known_before([one.figure for one in days]),
    )


def _by_hour(volume: Volume) -> Plot:
    mails = [one.now for one in volume.hours]
    said = "none"
    if sum(mails):
        top = max(range(24), key=mails.__getitem__)
        said = f"most from {top:02d}:00 to {(top + 1) % 24:02d}:00: {mails[top]}"
        share = percent(sum(mails[8:18]), sum(mails))
        if share is not None:
            said += f"; {share} % between 08:00 and 18:00"
    return Plot(
        "hours",
        "Mails that people wrote, by hour of the day",
        said,
        tuple(f"{hour:02d}" for hour in range(24)),
        tuple(mails),
        known_before(volume.hours),
    )


def _answers(report: Report) -> Block:
    title = "First answers, in opening hours"
    if report.answers is None:
        return Block(title, notes=(report.missing.replies,))
    notes = ["In brackets: the period before. Open: no answer of a human was seen, as of the end."]
    total = report.answers[0]
    if not total.answers.now:
        notes.append(
            "No answer of a human was seen in this period: answers count where they pass this"
            " mail server."
        )
    if total.unanswered:
        notes.append(
            f"{total.unanswered} promises ended without an answer that was seen, and count neither"
            " way."
        )
    return Block(
        title,
        table=Table(
            ("skill", "answers", "half within", "8 of 10 within", "promises kept", "open",
             "oldest waits"),
            tuple(map(_answers_row, report.answers)),
        ),
        notes=tuple(filter(None, (*notes, report.missing.replies))),
    )  # fmt: skip


def _answers_row(one: Answers) -> tuple[str, ...]:
    kept = NOTHING
    if one.judged.now:
        share = percent(one.kept.now, one.judged.now)
        kept = f"{one.kept.now} of {one.judged.now}"
        if share is not None:
            earlier = percent(one.kept.before or 0, one.judged.before or 0)
            kept = f"{share} %, {kept}" + (f" ({earlier} %)" if earlier is not None else "")
    return (
        cut(one.skill) if one.skill != ALL else "all",
        counts(one.answers),
        times(one.half),
        times(one.most),
        kept,
        counts(one.open),
        age(one.oldest),
    )


def _surges(report: Report) -> Block:
    title = "Surges"
    if report.surges is None:
        return Block(title, notes=(report.missing.surges,))
    said = f"{len(report.surges)} noticed." if report.surges else "None was noticed."
    if report.surges_count.before is not None:
        said += f" In the period before: {report.surges_count.before}."
    rows = tuple(
        (moment(one.at, report.zone), one.kind, cut(one.name)) for one in report.surges[:10]
    )
    table = Table(("noticed", "what", "name"), rows, texts=3) if rows else None
    return Block(title, table=table, notes=tuple(filter(None, (said, report.missing.surges))))


def _knowledge(report: Report) -> tuple[Block, ...]:
    title = "Knowledge base"
    found = report.knowledge
    if found is None:
        return (Block(title, notes=(report.missing.knowledge or report.missing.volume,)),)
    return _sections(title, found, report), _gaps(found)


def _sections(title: str, found: Knowledge, report: Report) -> Block:
    said = f"A section was found for {found.found.now} of {found.asked.now} mails of people"
    said += in_percent(found.found.now, found.asked.now)
    if found.found.before is not None:
        said += f"; before: {found.found.before} of {found.asked.before}"
    rows = tuple(
        (
            cut(one.title or NOTHING),
            cut(one.id),
            str(one.figure.now),
            before(one.figure),
        )
        for one in found.sections
    )
    table = Table(("most frequent sections", "id", "mails", "before"), rows, texts=2)
    notes = tuple(filter(None, (f"{said}.", report.missing.titles)))
    return Block(title, table=table if rows else None, notes=notes)


def _gaps(found: Knowledge) -> Block:
    rows = tuple(
        (
            cut(one.skill),
            cut(one.language),
            ", ".join(map(cut, one.examples)) or NOTHING,
            f"{one.figure.now} of {one.of}{in_percent(one.figure.now, one.of)}",
            before(one.figure),
        )
        for one in found.gaps
    )
    if not rows:
        return Block("Mails that found no section", notes=("None.",))
    return Block(
        "Mails that found no section",
        table=Table(("skill", "language", "queue ids", "mails", "before"), rows, texts=3),
        notes=(
            "No text is kept: the queue ids, of the newest, lead to the mails in log and history.",
        ),
    )
