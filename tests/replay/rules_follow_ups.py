"""What must hold of updates and surveys: mails that nobody asked for, so in doubt there are none."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.replay.letters import HELP
from tests.replay.record import Left, Record
from tests.replay.rules_acks import faults_of_form, says_moment
from tests.replay.simulated import DAY, local

MOST_UPDATES: Final = 2
HOURS: Final = (8, 20)
"""Of the day, by the wall clock of the calendar: [updates] hours."""
QUIET: Final = 900.0
SURVEY_AFTER: Final = DAY
PER_PERSON: Final = 30 * DAY
LEAST_TOLD: Final = 0.8
MOST_NEEDLESS: Final = 0.15
"""By its rule an update goes out when the chance of an answer in time has become small: small chances
come true, too."""
SLACK: Final = 1.0
"""Second that times may differ by, which stand in a database as fractions."""


def follow_ups_are_marked(record: Record) -> Iterator[str]:
    """Section 4, J3: auto-generated, and a return address of ours to which bounces go."""
    for one in record.of("update", "survey"):
        if not one.delivery.sender.endswith("@triage.desk.example"):
            yield f"{one.what} to {one.to}: reverse-path {one.delivery.sender!r}"
        if one.message["Auto-Submitted"] != "auto-generated":
            yield f"{one.what} to {one.to}: Auto-Submitted: {one.message['Auto-Submitted']}"
        if (one.what == "survey") != ("List-Unsubscribe" in one.message):
            yield f"{one.what} to {one.to}: List-Unsubscribe is there, or is not"
        yield from (f"{one.what} to {one.to}: {fault}" for fault in faults_of_form(one))


def follow_ups_follow_an_ack(record: Record) -> Iterator[str]:
    """Section 4.1: only to who was acknowledged, in their language, from the mailbox that has it on."""
    acked = {one.about: one for one in record.of("ack")}
    for one in record.of("update", "survey"):
        ack, arrival = acked.get(one.about), record.by_id.get(one.about)
        if ack is None or arrival is None or ack.to != one.to or ack.at > one.at:
            yield f"{one.what} to {one.to} without an acknowledgement"
        elif arrival.letter.mailbox != HELP:
            yield f"{one.what} from {arrival.letter.mailbox}, where it is off"
        elif not ack.languages & one.languages:
            yield f"{one.what} to {one.to}: {one.languages}, acknowledged in {ack.languages}"


def nothing_at_night(record: Record) -> Iterator[str]:
    """Section 4.1: within [updates] hours only."""
    for one in record.of("update", "survey"):
        if not HOURS[0] <= local(one.at).hour < HOURS[1]:
            yield f"{one.what} to {one.to} at {local(one.at):%H:%M}"


def updates_come_before_the_promise(record: Record) -> Iterator[str]:
    """Section 4.1: while nobody has answered, before the promised time, two at most, with a later
    time than before if any; and not while the customer has just written."""
    acked = {one.about: one for one in record.of("ack")}
    wrote = _mails_of(record)
    for about, updates in _by_matter(record, "update").items():
        ack = acked.get(about)
        if ack is None:
            continue  # follow_ups_follow_an_ack says so
        if len(updates) > MOST_UPDATES:
            yield f"{len(updates)} updates about {about}"
        answer = record.answer_to(about)
        for update in updates:
            if answer is not None and answer.at < update.at:
                yield f"an update about {about} after the answer of {local(answer.at)}"
            if any(0 <= update.at - at < QUIET for at in wrote[about]):
                yield f"an update about {about} while the customer wrote"
            if not says_moment(update.text, ack.promised) and update is updates[0]:
                yield f"an update about {about} does not say what was promised"
        if updates[0].at >= ack.promised:
            yield f"an update about {about} after the promise of {local(ack.promised)}"


def surveys_come_after_the_case(record: Record) -> Iterator[str]:
    """Section 4.2: a day after the last mail of either side, which an answer must be among."""
    wrote = _mails_of(record)
    for about, surveys in _by_matter(record, "survey").items():
        if len(surveys) > 1:
            yield f"{len(surveys)} surveys about {about}"
        answers = [one.at for one in record.answers if one.matter == about]
        before = [at for at in (*answers, *wrote[about]) if at <= surveys[0].at]
        if not any(at <= surveys[0].at for at in answers):
            yield f"a survey about {about}, which nobody has answered"
        elif surveys[0].at < max(before) + SURVEY_AFTER - SLACK:
            yield f"a survey about {about}, where somebody wrote at {local(max(before))}"


def surveys_leave_people_alone(record: Record) -> Iterator[str]:
    """Section 4.2: once in thirty days a person, and never after they said no."""
    asked: dict[str, list[float]] = defaultdict(list)
    for one in record.of("survey"):
        if any(one.at - at < PER_PERSON - SLACK for at in asked[one.to]):
            yield f"{one.to} is asked twice"
        asked[one.to].append(one.at)
        for vote in record.votes:
            if vote.what == "opt-out" and vote.address == one.to and vote.at < one.at:
                yield f"{one.to} is asked after opting out"


def slips_are_announced(record: Record) -> Iterator[str]:
    """Section 4.1: most of those whose answer came too late had heard of it before."""
    news = news_of_updates(record)
    if news.slipped and news.told < LEAST_TOLD * news.slipped:
        yield f"{news.told} of {news.slipped} were told"


def updates_are_seldom_needless(record: Record) -> Iterator[str]:
    """Section 4.1: few hear that an answer will be late which then is not."""
    news = news_of_updates(record)
    if news.needless > MOST_NEEDLESS * max(news.acknowledged, 1):
        yield f"{news.needless} needless updates, of {news.acknowledged} who could get one"


@dataclass(frozen=True, slots=True)
class News:
    """What updates were worth, in matters."""

    acknowledged: int = 0
    """Of the mailbox that sends updates."""
    slipped: int = 0
    """Answered after the promised time."""
    told: int = 0
    """Of these, who had an update before."""
    needless: int = 0
    """Who had one, and was answered in time."""
    unanswered: int = 0
    """Who had one, and was not answered at all: most needed no answer, which nobody can know."""


def news_of_updates(record: Record) -> News:
    """Of all matters of the replay."""
    updates = _by_matter(record, "update")
    found: Counter[str] = Counter()
    for ack in record.of("ack"):
        arrival = record.by_id.get(ack.about)
        if arrival is None or arrival.letter.mailbox != HELP or arrival.letter.kind != "first":
            continue
        answer, heard = record.answer_to(ack.about), ack.about in updates
        slipped = answer is not None and answer.at > ack.promised
        found["acknowledged"] += 1
        found["slipped"] += slipped
        found["told"] += slipped and heard
        found["needless"] += heard and answer is not None and not slipped
        found["unanswered"] += heard and answer is None
    return News(**found)


def votes_are_counted(record: Record) -> Iterator[str]:
    """Every vote that came back is in the metric."""
    votes = sum(one.what == "vote" for one in record.votes)
    counted = record.counted("mailtriage_survey_votes_total")
    if counted != votes:
        yield f"{votes} votes, and {counted:.0f} counted"


def _by_matter(record: Record, what: str) -> dict[str, list[Left]]:
    found: dict[str, list[Left]] = defaultdict(list)
    for one in record.left:
        if one.what == what and not one.reply:
            found[one.about].append(one)
    return found


def _mails_of(record: Record) -> dict[str, list[float]]:
    """When the customer wrote, by matter."""
    found: dict[str, list[float]] = defaultdict(list)
    for one in record.arrivals:
        found[one.letter.matter].append(one.at)
    return found
