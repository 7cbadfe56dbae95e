"""Danger that is not so now, with the shipped policies: "what if", "last year", drills, and no."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.mail.model import Mail
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Hit, Matcher
from mailtriage.policies.model import LANGUAGES
from mailtriage.shipped import shipped_directory
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import triage
from mailtriage.triage.model import Kind, Priority, Triage
from mailtriage.triage.unreal import unfounded
from tests.triage.texts import text_of

MakeMail = Callable[..., Mail]

NOT_NOW = [
    ("en", "What should a tenant do if there is a smell of gas?"),
    ("en", "Last year there was a gas leak here and I would like a copy of the report."),
    ("en", "There was no smell of gas when the engineer came."),
    ("en", "Do you also have brochures about gas leaks? We had a fire drill about a gas leak."),
    ("sv", "Vad gör jag om det luktar gas?"),
    ("sv", "Förra året hade vi en gasläcka, kan jag få rapporten?"),
    ("de", "Was soll ich tun, wenn Gas austritt, also falls Gasgeruch auftritt?"),
    ("de", "Vor einem Jahr hatten wir Gasgeruch im Keller, ich brauche das Protokoll."),
    ("da", "Hvad skal vi gøre, hvis der er gaslugt?"),
    ("nb", "Hva gjør vi hvis det er gasslukt?"),
    ("fi", "Mitä teen, jos tulee kaasuvuoto?"),
    ("fr", "Que faire en cas de fuite de gaz ?"),
    ("fr", "Il n'y a pas de fuite de gaz."),
    ("es", "¿Qué hay que hacer si hay una fuga de gas?"),
    ("it", "Cosa devo fare in caso di fuga di gas?"),
    ("nl", "Wat moet ik doen als er een gaslek is?"),
    ("pt", "O que devo fazer em caso de fuga de gás?"),
    ("pl", "Co robić w razie wycieku, jeśli jest wyciek gazu?"),
]

NOW = [
    ("en", "There is a smell of gas in the hall. What do we do if it gets worse?"),
    ("en", "If you need our number: 555 0100. There is a gas leak in the cellar."),
    ("en", "Since last year there is a gas leak that nobody repairs."),
    ("en", "We had a fire drill on Monday. Today there is a gas leak."),
    ("sv", "Det luktar gas i trapphuset. Ring mig om ni behöver kod."),
    ("de", "Bei uns riecht es nach Gas, es ist Gasgeruch im ganzen Haus."),
    ("da", "Der er gaslugt i kælderen. Ring, hvis porten er låst."),
    ("nb", "Det er gasslukt i kjelleren. Ring hvis porten er låst."),
    ("fi", "Kellarissa on kaasuvuoto. Soittakaa, jos ovi on kiinni."),
    ("fr", "Il y a une fuite de gaz dans la cave. Appelez si la porte est fermée."),
    ("es", "Hay una fuga de gas en el sótano. Llamen si está cerrado."),
    ("it", "C'è una fuga di gas in cantina. Chiamate se è chiuso."),
    ("nl", "Er is een gaslek in de kelder. Bel als de deur dicht is."),
    ("pt", "Há uma fuga de gás na cave. Liguem se estiver fechado."),
    ("pl", "W piwnicy jest wyciek gazu. Proszę dzwonić, jeśli jest zamknięte."),
]


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(load_policies([shipped_directory("policies")])[0])


def judged(matcher: Matcher, language: str, text: str) -> Triage:
    mail = Mail(text=text, newest_text=text)
    return triage(mail, matcher, FixedCustomers({}), fixed_language=language)


@pytest.mark.parametrize(("language", "text"), NOT_NOW)
def test_danger_that_is_not_now_is_not_urgent(matcher: Matcher, language: str, text: str) -> None:
    found = judged(matcher, language, text)
    assert "priority-danger" in {reason.id for reason in found.why}, "the words are there"
    assert found.priority is not Priority.URGENT


@pytest.mark.parametrize(("language", "text"), NOW)
def test_danger_now_is_urgent(matcher: Matcher, language: str, text: str) -> None:
    assert judged(matcher, language, text).priority is Priority.URGENT


@pytest.mark.parametrize("cases", [NOT_NOW, NOW], ids=["not now", "now"])
def test_every_language_is_tried(cases: list[tuple[str, str]]) -> None:
    assert {language for language, _ in cases} == set(LANGUAGES)


def test_what_is_over_is_not_urgent(matcher: Matcher) -> None:
    text = "There was a smell of gas this morning, but it was a false alarm, all fine now."
    assert judged(matcher, "en", text).priority is not Priority.URGENT


@pytest.mark.parametrize(
    "piece", ["if gas leak ", "no gas leak. ", "last year gas leak, training "]
)
@pytest.mark.alone
def test_time_grows_with_the_length_and_no_faster(matcher: Matcher, piece: str) -> None:
    policy = matcher.policies.facets["priority"]
    danger = next(signal for signal in policy.signals if signal.id == "priority-danger")

    def seconds(size: int) -> float:
        text = text_of((piece * (size // len(piece) + 1))[:size])
        hits = [Hit(policy, danger, 20, "body")]
        best = 10.0
        for _ in range(3):
            begin = time.perf_counter()
            unfounded(text, "en", matcher, hits)
            best = min(best, time.perf_counter() - begin)
        return best

    assert seconds(64 * 1024) < 12 * seconds(16 * 1024) + 0.002


def test_the_reasons_of_every_policy_test_add_up_to_its_score(matcher: Matcher) -> None:
    base = matcher.policies.facets["priority"].base
    texts = [
        (test.language or "und", test.body)
        for policy in matcher.policies.all()
        for test in policy.tests
    ]
    assert len(texts) > 300
    for language, text in texts:
        found = judged(matcher, language, text)
        start = base if found.kind is Kind.HUMAN else 0
        total = start + sum(reason.weight for reason in found.why if reason.facet == "priority")
        assert max(0, min(100, round(total))) == found.score, text


def test_an_alarm_of_a_machine_that_a_policy_knows(tmp_path: Path, mail: MakeMail) -> None:
    """A file of one's own replaces the shipped facet; here it is all there is."""
    (tmp_path / "priority.toml").write_text(
        """
        facet = "priority"
        base = 40
        levels = { urgent = 80, high = 60, normal = 25 }
        signal = [{ id = "boiler-room", weight = 10, floor = 85, sender = ["boiler@*"] }]
        """
    )
    own = Matcher(load_policies([tmp_path])[0])
    robot = "Auto-Submitted: auto-generated"
    alarm = triage(mail(robot, from_address="boiler@site.example"), own, FixedCustomers({}))
    other = triage(mail(robot, from_address="news@site.example"), own, FixedCustomers({}))
    assert (alarm.kind, alarm.priority, alarm.score) == (Kind.MACHINE, Priority.URGENT, 85)
    assert (other.kind, other.priority, other.score) == (Kind.MACHINE, Priority.LOW, 5)
