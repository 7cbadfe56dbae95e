"""The two further mails as shipped: short, the same facts in twelve languages, and no harm in an
answer that quotes them."""

import re
from collections.abc import Callable, Iterator, Mapping
from email import policy
from email.message import EmailMessage

import pytest

from mailtriage.acks.follow_up_texts import (
    VOTES,
    FollowUpTexts,
    Vote,
    load_follow_up_texts,
    sample_surveys,
    sample_updates,
)
from mailtriage.acks.template_language import SURVEY, UPDATE
from mailtriage.acks.templates import MAX_WORDS
from mailtriage.mail.model import Envelope
from mailtriage.mail.read import read_message
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.shipped import shipped_directory
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import triage
from mailtriage.triage.model import Kind, Mood, Priority, Triage
from tests.acks.test_shipped_texts import (
    ANSWERS,
    AS_SOON_AS_POSSIBLE,
    DO_NOT_REPLY,
    FAMILIAR,
    MAX_COLUMNS,
    QUESTIONS,
)

SHIPPED = shipped_directory("policies") / "acks"
LANGUAGES = ("da", "de", "en", "es", "fi", "fr", "it", "nb", "nl", "pl", "pt", "sv")
UPDATE_GIVEN = ("received", "promised", "by", "reference", "desk", "urgent", "privacy")
SURVEY_GIVEN = ("received", "reference", "desk", "opt_out", "privacy")
MOMENTS = ("received", "promised", "by")

Values = Mapping[str, object]


@pytest.fixture(scope="module")
def texts() -> FollowUpTexts:
    return load_follow_up_texts(SHIPPED)


def updates(texts: FollowUpTexts, language: str) -> list[tuple[Values, str]]:
    text = texts.by_language[language].update
    return [(values, text.plain(values)) for values in sample_updates(language)]


def surveys(texts: FollowUpTexts, language: str) -> list[tuple[Values, str]]:
    text = texts.by_language[language].survey
    return [(values, text.plain(values)) for values in sample_surveys(language, text.labels)]


def both(texts: FollowUpTexts, language: str) -> Iterator[tuple[Values, str]]:
    yield from updates(texts, language)
    yield from surveys(texts, language)


def votes(values: Values) -> list[Vote]:
    given = values["votes"]
    assert isinstance(given, tuple)
    return list(given)


def test_all_twelve_have_both_and_no_fault(texts: FollowUpTexts) -> None:
    assert tuple(texts.by_language) == LANGUAGES
    assert texts.warnings == ()
    assert all(tuple(one.survey.labels) == VOTES for one in texts.by_language.values())


def test_the_samples_give_a_value_for_each_name() -> None:
    assert all(tuple(one) == UPDATE.names for one in sample_updates("en"))
    labels = dict.fromkeys(VOTES, "x")
    assert all(tuple(one) == SURVEY.names for one in sample_surveys("en", labels))
    assert len(list(sample_updates("en"))) == 2**5


RULES: dict[str, Callable[[Values, str, str], bool]] = {
    "fewer than 120 words, addresses of votes apart": lambda _, plain, __: (
        len(re.sub(r"mailto:\S+", "", plain).split()) < MAX_WORDS
    ),
    "lines of at most 78 columns, addresses of votes apart": lambda _, plain, __: (
        max(map(len, re.sub(r"mailto:\S+", "", plain).split("\n"))) <= MAX_COLUMNS
    ),
    "no exclamation mark": lambda _, plain, __: "!" not in plain,
    "nobody is asked not to answer": lambda _, plain, __: not DO_NOT_REPLY.search(plain),
    "no speed is promised": lambda _, plain, __: not AS_SOON_AS_POSSIBLE.search(plain),
    "the reference, once": lambda values, plain, _: plain.count(str(values["reference"])) == 1,
    "the desk signs": lambda values, plain, _: plain.endswith(f"\n{values['desk']}\n"),
    "a moment is part of a sentence": lambda values, plain, _: (
        not any(
            values.get(name)
            and re.search(rf"^{re.escape(str(values[name]))}\.?$", plain, re.MULTILINE)
            for name in MOMENTS
        )
    ),
    "no paragraph is left hanging": lambda _, plain, __: (
        not re.search(r"[:,?]\n\n", plain.partition("\n\n")[2])
    ),
    "a blank before : and ? in French alone": lambda _, plain, language: (
        not re.search(r"[^\W\d][:?](?=\s\S)" if language == "fr" else r" [:;?]", plain)
    ),
    "nothing of the template, and plain blanks": lambda _, plain, __: (
        not re.search(r"[ \t]\n|\n\n\n|[\u00a0\u2028\u202f{}]|None|True|False", plain)
    ),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_keeps_the_rule_in_every_combination(
    texts: FollowUpTexts, language: str, rule: str
) -> None:
    said = both(texts, language)
    broken = [plain for values, plain in said if not RULES[rule](values, plain, language)]
    assert broken[:1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_there_is_is_said_and_what_there_is_not_is_not(
    texts: FollowUpTexts, language: str
) -> None:
    for said, given in ((updates, UPDATE_GIVEN), (surveys, SURVEY_GIVEN)):
        everything, _ = said(texts, language)[0]
        for values, plain in said(texts, language):
            for name in given:
                assert (str(everything[name]) in plain) == bool(values[name])


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_state_of_an_update_has_its_own_words_as_in_english(
    texts: FollowUpTexts, language: str
) -> None:
    said = [plain for _, plain in updates(texts, language)]
    assert len(set(said)) == len(said)
    in_english = [plain for _, plain in updates(texts, "en")]
    assert [one.count("\n\n") for one in said] == [one.count("\n\n") for one in in_english]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_survey_offers_each_vote_on_a_line_of_its_own_best_first(
    texts: FollowUpTexts, language: str
) -> None:
    labels = texts.by_language[language].survey.labels
    for values, plain in surveys(texts, language):
        colon = " : " if language == "fr" else ": "
        lines = [f"{labels[vote.value]}{colon}{vote.url}" for vote in votes(values)]
        assert "\n".join(lines) in plain
        assert f"\n{values['opt_out']}\n" in plain


@pytest.mark.parametrize("language", FAMILIAR)
def test_the_form_of_address_is_that_of_the_acknowledgement(
    texts: FollowUpTexts, language: str
) -> None:
    wrong = re.compile(rf"(?<!\w)(?:{FAMILIAR[language]})(?!\w)")
    assert [
        hit[0] for _, plain in both(texts, language) for hit in [wrong.search(plain)] if hit
    ] == []


DOUBT = {
    "da": ("kan tage", "sandsynligvis"),
    "de": ("kann", "voraussichtlich"),
    "en": ("may", "probably"),
    "es": ("podría", "es probable"),
    "fi": ("voi", "todennäköisesti"),
    "fr": ("pourrait", "probablement"),
    "it": ("potrebbe", "probabilmente"),
    "nb": ("kan ta", "trolig"),
    "nl": ("mogelijk", "waarschijnlijk"),
    "pl": ("może", "prawdopodobnie"),
    "pt": ("pode", "provavelmente"),
    "sv": ("kan dröja", "troligen"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_update_does_not_rule_out_an_answer_in_time(texts: FollowUpTexts, language: str) -> None:
    """It goes out while one may still come."""
    of_subject, of_text = DOUBT[language]
    assert f" {of_subject} " in texts.by_language[language].update.subject
    for _, plain in updates(texts, language):
        assert re.search(rf"(?<!\w){of_text}(?!\w)", plain, re.IGNORECASE)


# Said of the customer these have a gender; of the answer they do not.
OF_A_MAN = re.compile(
    r"(?<!\w)(?:(?:in)?satisfaits?|(?:in)?satisfechos?|(?:in)?soddisfatt[oi]|(?:in)?satisfeitos?"
    r"|(?:nie)?zadowolon[ya]|client|kunde|kunden|asiakas)(?!\w)",
    re.IGNORECASE,
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nobody_is_taken_for_a_man_or_a_woman(texts: FollowUpTexts, language: str) -> None:
    assert not any(OF_A_MAN.search(plain) for _, plain in both(texts, language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_subjects_and_labels_are_short(texts: FollowUpTexts, language: str) -> None:
    text = texts.by_language[language]
    for subject in (text.update.subject, text.survey.subject):
        assert len(subject) <= 50
        assert subject.lstrip("¿")[0].isupper()
        assert re.search(r"\w$| \?$" if language == "fr" else r"\w\??$", subject)
    for label in text.survey.labels.values():
        assert len(label) <= 40
        assert label[0].islower()
        assert label[-1].isalpha()
    assert text.survey.opt_out[0].isupper()


@pytest.fixture(scope="module")
def judge() -> Callable[[bytes], tuple[Triage, str]]:
    """How a mail is judged, and what its writer wrote now."""
    matcher = Matcher(load_policies([shipped_directory("policies")])[0])
    envelope = Envelope("joe@customer.example", ("help@desk.example",))

    def judge(message: bytes) -> tuple[Triage, str]:
        mail = read_message(message, envelope=envelope)
        return triage(mail, matcher, FixedCustomers({})), mail.newest_text

    return judge


@pytest.mark.parametrize("manner", ANSWERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_to_it_is_a_persons_and_no_worse_for_our_words(
    texts: FollowUpTexts,
    judge: Callable[[bytes], tuple[Triage, str]],
    language: str,
    manner: str,
) -> None:
    text, asked = texts.by_language[language], QUESTIONS[language]
    said = []
    for again in (False, True):
        plains = [plain for values, plain in updates(texts, language) if values["again"] is again]
        said += [(text.update.subject, pick(plains, key=len)) for pick in (max, min)]
    said += [(text.survey.subject, plain) for _, plain in surveys(texts, language)]
    for subject, plain in said:
        judged, newest = judge(answer(ANSWERS[manner](asked, plain, subject), subject))
        assert judged.kind is Kind.HUMAN
        assert judged.language == language
        assert judged.priority is Priority.NORMAL
        if manner != "without a mark":
            assert newest == asked
            assert judged.mood is Mood.NEUTRAL


def answer(content: str, subject: str) -> bytes:
    made = EmailMessage(policy=policy.SMTP)
    made["From"] = "Joe <joe@customer.example>"
    made["To"] = "help@desk.example"
    made["Subject"] = f"Re: {subject}"
    made.set_content(content)
    return made.as_bytes()
