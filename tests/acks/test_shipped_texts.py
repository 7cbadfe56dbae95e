"""The shipped acknowledgements: polite, short, the same facts in twelve languages, robots' words in
none, and a message that may be sent in each."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mailtriage.acks.compose import KbLink, Order, compose
from mailtriage.acks.lint import MAX_LINE, MAX_SIZE, faults
from mailtriage.acks.templates import MAX_WORDS, Texts, load_texts, sample_values
from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config, load
from mailtriage.mail.model import Envelope
from mailtriage.mail.read import read_message
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.shipped import shipped_directory
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import triage
from mailtriage.triage.model import Kind, Priority, Triage

LANGUAGES = ("da", "de", "en", "es", "fi", "fr", "it", "nb", "nl", "pl", "pt", "sv")
ENVELOPE = Envelope("joe@customer.example", ("help@desk.example",))
TOKENS = Tokens(b"a secret of the tests, 32 bytes and more")
NOW = 1_795_596_730.0  # Wednesday, 25 November 2026, 08:52 UTC
KB = KbLink("Correct an invoice", "https://help.desk.example/invoices#correct", "Choose Correct.")
MAX_COLUMNS = 78  # RFC 5322 section 2.1.1

Values = Mapping[str, object]
Said = Mapping[str, list[tuple[Values, str]]]


@pytest.fixture(scope="module")
def texts() -> Texts:
    return load_texts(shipped_directory("policies") / "acks")


@pytest.fixture(scope="module")
def said(texts: Texts) -> Said:
    """Each text in every combination of what it may have to say."""
    return {
        language: [(values, text.plain(values)) for values in sample_values(language)]
        for language, text in texts.by_language.items()
    }


def test_all_twelve_are_there(texts: Texts) -> None:
    assert tuple(texts.by_language) == LANGUAGES
    assert texts.warnings == ()


# --- What is said ---------------------------------------------------------------------------------

DO_NOT_REPLY = re.compile(
    r"no-?reply|not? (?:reply|answer|respond)|nicht (?:antworten|auf diese)|svara (?:inte|ej)"
    r"|(?:ikke|ei) (?:svar|besvar)|kan (?:inte|ikke) besvares|älä vastaa|ne (?:pas )?répond"
    r"|no (?:responda|conteste)|non rispond|niet (?:ant|be)?antwoord|não respond|nie odpowiada",
    re.IGNORECASE,
)
AS_SOON_AS_POSSIBLE = re.compile(
    r"as soon as|so bald wie|schnellst|umgehend|snarast|så (?:snart|fort)|hurtigst|snarest"
    r"|mahdollisimman|pikaisesti|dès que|plus vite|lo antes|cuanto antes|al più presto|prima possib"
    r"|zo (?:snel|spoedig)|o mais (?:breve|rápido)|assim que|jak najszybciej|niezwłocznie",
    re.IGNORECASE,
)
MOMENTS = ("received", "by", "opens")
LINES_OF_THEIR_OWN = ("urgent", "privacy")


def _stands_alone(moment: object, plain: str) -> bool:
    return bool(moment) and (f"\n{moment}\n" in plain or f"\n{moment}.\n" in plain)


@cache
def _everything(language: str) -> Values:
    """The sample in which nothing is absent."""
    needed = (*MOMENTS, *LINES_OF_THEIR_OWN, "kb")
    return next(one for one in sample_values(language) if all(one[name] for name in needed))


def _given(values: Values, plain: str, language: str) -> bool:
    """Whether what there is, is said, and what there is not, is not."""
    everything = _everything(language)
    return all(
        (str(everything[name]) in plain) == bool(values[name])
        for name in (*MOMENTS, *LINES_OF_THEIR_OWN)
    )


RULES: dict[str, Callable[[Values, str, str], bool]] = {
    "fewer than 120 words": lambda _, plain, __: len(plain.split()) < MAX_WORDS,
    "lines of at most 78 columns": lambda _, plain, __: (
        max(map(len, plain.split("\n"))) <= MAX_COLUMNS
    ),
    "no exclamation mark": lambda _, plain, __: "!" not in plain,
    "nobody is asked not to answer": lambda _, plain, __: not DO_NOT_REPLY.search(plain),
    "no speed is promised": lambda _, plain, __: not AS_SOON_AS_POSSIBLE.search(plain),
    "the reference, once": lambda values, plain, _: plain.count(str(values["reference"])) == 1,
    "the desk signs": lambda values, plain, _: plain.endswith(f"\n{values['desk']}\n"),
    "what there is, and no more": _given,
    "a moment is part of a sentence": lambda values, plain, _: (
        not any(_stands_alone(values[name], plain) for name in MOMENTS)
    ),
    "a help page where one fits": lambda values, plain, _: (
        (KB.title in plain, KB.url in plain) == (values["kb"] is not None,) * 2
    ),
    # The greeting may end in a colon or a comma; no other paragraph leads nowhere.
    "no paragraph is left hanging": lambda _, plain, __: (
        not re.search(r"[:,?]\n\n", plain.partition("\n\n")[2])
    ),
    "a blank before : and ? in French alone": lambda _, plain, language: (
        not re.search(r"[^\W\d][:?](?=\s\S)" if language == "fr" else r" [:;?]", plain)
    ),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_keeps_the_rule_in_every_combination(said: Said, language: str, rule: str) -> None:
    broken = [plain for values, plain in said[language] if not RULES[rule](values, plain, language)]
    assert broken[:1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_cases_are_told_apart_as_in_english(said: Said, language: str) -> None:
    """A state of the desk that one language leaves out, or makes up, shows here."""

    def pattern(of: str) -> list[int]:
        first: dict[str, int] = {}
        return [first.setdefault(plain, number) for number, (_, plain) in enumerate(said[of])]

    assert pattern(language) == pattern("en")
    paragraphs = [plain.count("\n\n") for _, plain in said[language]]
    assert paragraphs == [plain.count("\n\n") for _, plain in said["en"]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_a_mail_that_could_not_be_read_no_matter_is_guessed(texts: Texts, language: str) -> None:
    text = texts.by_language[language]
    values = _everything(language)
    assert KB.url in text.plain(values)
    plain = text.plain({**values, "generic": True})
    assert KB.url not in plain
    assert KB.title not in plain


FAMILIAR = {
    "de": r"[Dd](?:u|ich|ir|ein\w*)|eu(?:ch|er\w*)",
    "es": r"tú|tus?|te|ti|vuestr\w+|os",
    "fr": r"tu|te|toi|ton|ta|tes",
    "it": r"tu|te|ti|tuo|tua|tuoi",
    "nl": r"je|jij|jou|jouw|jullie",
    "pl": r"ty|cię|ci|tob\w+|tw[oó]\w+",
    # What only Portugal or only Brazil writes reads wrong in the other.
    "pt": r"tu|te|teu|tua|você|equipa|equipe|rece[cp]?ção|contac?to|facto|ecrã",
    # Formal address of old: today's is "du" and "sinä", or none.
    "da": r"De|Dem|Deres",
    "nb": r"De|Dem|Deres",
    "sv": r"Ni|Er|Ert|ni|er|ert",
    "fi": r"[Tt]e|[Tt]eidän|[Tt]eille|[Ss]inä|[Ss]inun",
}


@pytest.mark.parametrize("language", FAMILIAR)
def test_the_form_of_address_is_one_throughout(said: Said, language: str) -> None:
    wrong = re.compile(rf"(?<!\w)(?:{FAMILIAR[language]})(?!\w)")
    assert [
        found[0] for _, plain in said[language] for found in [wrong.search(plain)] if found
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_subjects_are_short_and_say_what_it_is(texts: Texts, language: str) -> None:
    text = texts.by_language[language]
    name = text.subject_marker.removesuffix(" : " if language == "fr" else ": ")
    assert re.fullmatch(r"[^\W\d_][^\W\d_ ]+(?: [^\W\d_]+)*", name)
    assert len(text.subject_marker) <= 30
    assert len(text.subject) <= 50
    for line in (name, text.subject):
        assert line[0].isupper()
        assert line[-1].isalpha()


# --- What comes back ------------------------------------------------------------------------------

# What a customer asks above or below the acknowledgement that is quoted.
QUESTIONS = {
    "da": "Jeg glemte at spørge: Kan I også sende mig en kopi af aftalen på mail?",
    "de": "Ich habe noch vergessen zu fragen: Können Sie mir auch eine Kopie schicken?",
    "en": "I forgot to ask: could you send me a copy of the agreement as well?",
    "es": "Se me olvidó preguntar: ¿pueden enviarme también una copia del acuerdo?",
    "fi": "Unohdin kysyä: voitteko lähettää minulle myös kopion sopimuksesta?",
    "fr": "J’ai oublié de demander : pouvez-vous aussi m’envoyer une copie du contrat ?",
    "it": "Ho dimenticato di chiedere: potete inviarmi anche una copia del contratto?",
    "nb": "Jeg glemte å spørre: Kan dere også sende meg en kopi av avtalen på e-post?",
    "nl": "Ik vergat nog te vragen: kunt u mij ook een kopie van de overeenkomst sturen?",
    "pl": "Zapomniałem zapytać: czy mogą Państwo przesłać mi także kopię umowy?",
    "pt": "Esqueci-me de perguntar: podem enviar-me também uma cópia do contrato?",
    "sv": "Jag glömde att fråga: kan ni också skicka mig en kopia av avtalet?",
}
PRIVACY = "https://desk.example/privacy"
# Behind a label and this long, a value is taken for the free text of a web form.
LONG_PRIVACY = f"{PRIVACY}/how-we-treat-your-data"
OUTLOOK = """\
From: Desk Support <help@desk.example>
Sent: Wednesday, November 25, 2026 9:52 AM
To: Joe <joe@customer.example>
Subject: """
ANSWERS: dict[str, Callable[[str, str, str], str]] = {
    "quoted below": lambda asked, plain, _: (
        f"{asked}\n\nOn 25 Nov 2026 at 09:52, Desk <help@desk.example> wrote:\n\n{_marked(plain)}"
    ),
    "quoted above": lambda asked, plain, _: f"{_marked(plain)}\n{asked}\n",
    "Outlook": lambda asked, plain, subject: f"{asked}\n\n{OUTLOOK}{subject}\n\n{plain}",
    # Whose program marks no quote is taken to have written it all.
    "without a mark": lambda asked, plain, _: f"{asked}\n\n{plain}",
}


def _marked(plain: str) -> str:
    return "".join(f"> {line}".rstrip() + "\n" for line in plain.splitlines())


@pytest.fixture(scope="module")
def judge() -> Callable[[bytes], tuple[Triage, str]]:
    """How a mail is judged, and what its writer wrote now."""
    matcher = Matcher(load_policies([shipped_directory("policies")])[0])
    customers = FixedCustomers({})

    def judge(message: bytes) -> tuple[Triage, str]:
        mail = read_message(message, envelope=ENVELOPE)
        return triage(mail, matcher, customers), mail.newest_text

    return judge


@pytest.mark.parametrize("manner", ANSWERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_to_it_is_a_persons_and_no_more_urgent_for_our_words(
    texts: Texts,
    said: Said,
    judge: Callable[[bytes], tuple[Triage, str]],
    language: str,
    manner: str,
) -> None:
    text, asked = texts.by_language[language], QUESTIONS[language]
    plains = [plain.replace(PRIVACY, LONG_PRIVACY) for _, plain in said[language]]
    linked = [plain for plain in plains if LONG_PRIVACY in plain]
    for plain in (max(plains, key=len), min(plains, key=len), min(linked, key=len)):
        for subject in (f"Re: {text.subject_marker}4711", f"Re: {text.subject}"):
            made = EmailMessage(policy=policy.SMTP)
            made["From"] = "Joe <joe@customer.example>"
            made["To"] = "help@desk.example"
            made["Subject"] = subject
            made.set_content(ANSWERS[manner](asked, plain, subject[4:]))
            judged, newest = judge(made.as_bytes())
            assert judged.kind is Kind.HUMAN
            assert [one.id for one in judged.why if one.facet == "kind"] == []
            assert judged.language == language
            assert judged.priority is Priority.NORMAL
            if manner != "without a mark":
                assert newest == asked


# --- What is sent ---------------------------------------------------------------------------------

FIELDS = {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
    "X-Auto-Response-Suppress", "X-Mailtriage-Loop", "X-Mailtriage-Ref", "Content-Type",
    "Content-Transfer-Encoding", "MIME-Version", "Content-Language",
}  # fmt: skip
ORDER = Order(
    key=b"0123456789abcdef",
    mailbox="help@desk.example",
    to="joe@customer.example",
    language="en",
    subject="Where is my parcel?",
    message_id="<m2@customer.example>",
    references=("<m1@customer.example>",),
    received=NOW - 5,
    skill="delivery",
    priority="normal",
    generic="",
    by=NOW + 86_400,
    opening="closed",
    opens=NOW + 3600,
    late=False,
    busy=True,
    kb=KB,
    ticket="",
)
ORDERS: dict[str, dict[str, Any]] = {
    "all there is": {},
    "no promise": {"by": 0, "opening": "open", "opens": 0, "busy": False, "kb": None},
    "holiday, late": {"opening": "holiday", "busy": False, "late": True, "by": NOW + 9 * 86_400},
    "encrypted": {"generic": "encrypted", "kb": None},
}
MAILBOX = """\
[calendars.office]
timezone = "Europe/Berlin"
[mailboxes."help@desk.example"]
name = "Desk Support"
urgent = "+49 30 1234 (Mon–Fri 8–18)"
privacy = "https://desk.example/privacy"
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    file: Path = tmp_path_factory.mktemp("config") / "mailtriage.toml"
    file.write_text(MAILBOX, encoding="utf-8")
    return load([file]).config


@pytest.mark.parametrize("what", ORDERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_message_may_be_sent_and_is_answered_by_no_robot_of_ours(
    texts: Texts,
    config: Config,
    judge: Callable[[bytes], tuple[Triage, str]],
    language: str,
    what: str,
) -> None:
    order = dataclasses.replace(ORDER, language=language, **ORDERS[what])
    message = compose(order, config, texts, TOKENS, NOW)
    assert faults(message) == ()
    assert len(message) <= MAX_SIZE
    assert message.isascii()
    assert max(map(len, message.split(b"\r\n"))) <= MAX_LINE

    parsed = message_from_bytes(message, policy=policy.strict)
    assert isinstance(parsed, EmailMessage)
    assert parsed.defects == []
    assert set(parsed.keys()) <= FIELDS
    assert parsed["Content-Language"] == language
    text = texts.by_language[language]
    repeated = text.subject if order.generic else text.subject_marker + order.subject
    assert parsed["Subject"] == repeated
    content = str(parsed.get_content())
    assert TOKENS.reference(order.key) in content
    assert (KB.url in content) == (order.kb is not None)
    assert "+49 30 1234 (Mon–Fri 8–18)" in content

    judged, _ = judge(message)
    assert judged.kind is Kind.MACHINE
