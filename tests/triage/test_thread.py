"""New, reply or chaser."""

from collections.abc import Callable

import pytest

from mailtriage.mail.model import Mail
from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policy
from mailtriage.triage import thread
from mailtriage.triage.model import Evidence, Thread

MakeMail = Callable[..., Mail]
POLICY = Policy("thread.toml", 1, "thread", is_skill=False, levels={"chaser": 3.0})


def judge(
    mail: Mail, hits: list[Hit] | tuple[()], policy: Policy | None, contacts: int = 0
) -> tuple[Thread, tuple[Evidence, ...]]:
    return thread.judge(thread.standing(mail), hits, policy, contacts)


@pytest.mark.parametrize(
    "subject",
    [
        "Re: order", "RE: order", "re:order", "Re : order", " Re: order", "Re[2]: order",
        "Re(3): order", "Re2: order", "SV: order", "AW: order", "Antwort: order", "Antw: order",
        "VS: tilaus", "Odp: zamówienie", "RES: pedido", "R: ordine", "RIF: ordine", "RÉP : commande",
        "[External] Re: order", "[EXT] [#123] AW: order", "Re： order",
    ],
)  # fmt: skip
def test_subjects_of_replies(mail: MakeMail, subject: str) -> None:
    assert judge(mail(subject=subject), (), None)[0] is Thread.REPLY


@pytest.mark.parametrize(
    "subject",
    [
        "order", "", "Reorder: again", "Fwd: order", "FW: order", "VB: order", "WG: order",
        "VL: tilaus", "RV: pedido", "Ref: 12345", "Regarding: order", "Order Re: invoice",
        "Return: two shirts", "Rev 2: drawing", "[ticket] order", "SVAR: ja",
    ],
)  # fmt: skip
def test_subjects_of_new_mails(mail: MakeMail, subject: str) -> None:
    assert judge(mail(subject=subject), (), None) == (Thread.NEW, ())


def test_a_mail_that_names_another_is_a_reply_whatever_its_subject(mail: MakeMail) -> None:
    thread, why = judge(mail(subject="order", references=("<a@b>",)), (), None)
    assert thread is Thread.REPLY
    assert [evidence.id for evidence in why] == ["references"]


@pytest.mark.parametrize(
    ("points", "thread"),
    [({"again": 3.0}, Thread.CHASER), ({"again": 2.0, "waiting": 1.0}, Thread.CHASER),
     ({"again": 2.9}, Thread.NEW), ({"again": 4.0, "thanks": -2.0}, Thread.NEW), ({}, Thread.NEW)],
)  # fmt: skip
def test_a_chaser_says_so_in_words(
    mail: MakeMail, hits: Callable[..., list[Hit]], points: dict[str, float], thread: Thread
) -> None:
    assert judge(mail(), hits(POLICY, **points), POLICY)[0] is thread


def test_a_reply_that_chases_is_a_chaser(mail: MakeMail, hits: Callable[..., list[Hit]]) -> None:
    chasing = mail(subject="Re: order", references=("<a@b>",))
    assert judge(chasing, hits(POLICY, again=3.0), POLICY)[0] is Thread.CHASER


@pytest.mark.parametrize(
    ("points", "contacts", "thread"),
    [
        ({"again": 2.0}, 3, Thread.CHASER),
        ({"again": 2.0}, 2, Thread.NEW),  # a second mail alone may be a supplement
        ({"again": 1.0}, 9, Thread.CHASER),
        ({}, 9, Thread.NEW),
        ({"again": 4.0, "thanks": -3.0}, 3, Thread.NEW),
    ],
)
def test_how_often_they_wrote_speaks_for_a_chaser(
    mail: MakeMail,
    hits: Callable[..., list[Hit]],
    points: dict[str, float],
    contacts: int,
    thread: Thread,
) -> None:
    assert judge(mail(), hits(POLICY, **points), POLICY, contacts)[0] is thread
