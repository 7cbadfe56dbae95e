"""Mails in more than one language, and what may break a tie."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.mail.model import Mail
from mailtriage.triage.language import UNDETERMINED, detect
from mailtriage.triage.language_detectors import KNOWN, our_code

MakeMail = Callable[..., Mail]

SWEDISH = "Hej, jag får det här felet varje gång jag försöker betala min räkning i appen."
ERROR = (
    "Payment could not be processed. An unexpected error occurred while contacting the server. "
    "Please try again later or contact your system administrator for more information."
)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("sv", f"{SWEDISH}\n\n{ERROR}"),
        ("sv", f"{SWEDISH} Det står: “{ERROR}” Vad ska jag göra?"),
        ("sv", f"Hi!\n\n{SWEDISH}"),
        ("sv", f"{SWEDISH}\n\nBest regards\nAnna"),
        ("de", "Guten Tag,\ndie App zeigt nur noch das hier an und nichts geht mehr:\n" + ERROR),
        ("fi", "Hei, sain teiltä tämän viestin enkä ymmärrä mitä se tarkoittaa.\n" + ERROR),
        ("en", "Hello, my Swedish invoice says “Betala senast den sista i månaden, tack”. What is that?"),
        ("nl", "Hallo, mijn Samsung Galaxy Watch Active en de Sony Bravia Smart TV doen het niet."),
    ],
)  # fmt: skip
def test_the_language_that_the_mail_begins_in(mail: MakeMail, code: str, text: str) -> None:
    assert detect(mail(text=text)).code == code


def test_a_paragraph_below_the_closing_never_votes(mail: MakeMail) -> None:
    short = "Paketet kom aldrig fram.\n\nMed vänliga hälsningar\nAnna\n\n"
    assert detect(mail(text=short + ERROR)).code == "sv"


@pytest.mark.parametrize(
    ("code", "closing"),
    [
        ("sv", "Med vänliga hälsningar"),
        ("da", "Med venlig hilsen"),
        ("nb", "Med vennlig hilsen"),
        ("fi", "Ystävällisin terveisin"),
        ("es", "Atentamente"),
        ("pl", "Pozdrawiam"),
    ],
)
def test_a_closing_formula_tells_the_language_of_a_text_of_names(
    mail: MakeMail, code: str, closing: str
) -> None:
    assert detect(mail(text=f"Samsung Galaxy Tab Pro\n\n{closing}\nAnna")).code == code


@pytest.mark.parametrize("code", ["da", "nb"])
def test_a_prior_breaks_a_tie(mail: MakeMail, code: str) -> None:
    """ "Hvor er den?" is Danish and Norwegian, letter by letter."""
    assert detect(mail(text="Hvor er den?"), prior=(code,)).code == code
    assert detect(mail(f"Content-Language: {code}", text="Hvor er den?")).code == code


@pytest.mark.parametrize("prior", ["en", "da", "fi", "no", "xx"])
def test_a_prior_does_not_outvote_a_clear_text(mail: MakeMail, prior: str) -> None:
    assert detect(mail(text=SWEDISH), prior=(prior,)).code == "sv"
    assert detect(mail(text=SWEDISH, from_address="a@b.dk"), prior=(prior,)).code == "sv"


def test_a_prior_speaks_where_there_are_no_words(mail: MakeMail) -> None:
    assert detect(mail(text="👍"), prior=("fi",)).code == "fi"
    assert detect(mail(text="👍")).code == UNDETERMINED


def test_a_header_is_asked_before_the_mailbox_where_there_are_no_words(mail: MakeMail) -> None:
    assert detect(mail("Content-Language: de", text="👍"), prior=("fi",)).code == "de"


def test_the_senders_country_breaks_a_tie_but_says_nothing_alone(mail: MakeMail) -> None:
    assert detect(mail(text="Hvor er den?", from_address="a@b.dk")).code == "da"
    assert detect(mail(text="Hvor er den?", from_address="a@b.no")).code == "nb"
    assert detect(mail(text="👍", from_address="a@b.dk")).code == UNDETERMINED


LETTERS = st.text(st.characters(exclude_categories=("Cs",)), max_size=400)


@settings(max_examples=200, deadline=None)
@given(text=LETTERS, prior=st.lists(st.sampled_from(["da", "no", "xx", ""]), max_size=2))
def test_any_text_has_a_known_language_or_none(text: str, prior: list[str]) -> None:
    found = detect(Mail(newest_text=text), prior=prior)
    known = {*map(our_code, KNOWN.split(",")), UNDETERMINED, *prior, "nb"}
    assert found.code in known
    assert 0 <= found.confidence <= 1
    assert detect(Mail(newest_text=text), prior=prior) == found


@pytest.mark.parametrize(
    "text",
    [
        "a" * 65536,
        "e\u0301" * 32768,
        "\u0300" * 65536,
        "ก" * 65536,
        "「" * 65536,
        '"' * 65536,
        "“" * 65536,
        "\n" * 65536,
        "mvh\n" * 16384,
        "re: " * 16384,
        "\u202e" * 65536,
        "x. " * 21845,
    ],
)
def test_hostile_text_costs_no_more_than_its_first_lines(mail: MakeMail, text: str) -> None:
    """What is read is capped: the answer to 64 KB is the answer to the first 2 KB."""
    assert detect(mail(text=text, subject=text)) == detect(mail(text=text[:2048], subject=text))
