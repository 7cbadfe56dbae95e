"""A decision made again from what was written down of a mail is the decision of that mail."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mailtriage.classifier.model import Classifier
from mailtriage.classifier.store import load_model
from mailtriage.mail.model import Envelope, Mail
from mailtriage.mail.read import read_message
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.policies.model import HeaderCondition, Policies, Policy, Signal
from mailtriage.shipped import shipped_directory
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import conclude, triage
from mailtriage.triage.model import Kind, Tier, Triage
from mailtriage.triage.policy_set import PolicySet, policy_set, read_policy_set
from mailtriage.triage.remembered import Recalling, Remembering, heard_in
from mailtriage.triage.selftest import mail_of

REPOSITORY = Path(__file__).resolve().parents[2]
CUSTOMERS = FixedCustomers({"example.com": Tier.GOLD, "foo.example": Tier.VIP})
EVERY = 120
"""Of so many lines of the corpus one is taken: every language, skill and priority is among them."""
NO_TIME_LIMIT = 10.0
"""Seconds for one pattern: a busy machine must not make a mail hit differently."""

Change = Callable[[Policy], Policy]


@dataclass(frozen=True)
class Judged:
    """A mail, its decision, and what was written down of it."""

    mail: Mail
    triage: Triage
    text: str


@pytest.fixture(scope="module")
def policies() -> Policies:
    return load_policies([shipped_directory("policies")])[0]


@pytest.fixture(scope="module")
def trained() -> Classifier:
    return load_model(shipped_directory("policies") / "model" / "shipped.npz")


@pytest.fixture(scope="module", params=["model", "rules alone"])
def model(request: pytest.FixtureRequest, trained: Classifier) -> Classifier | None:
    return trained if request.param == "model" else None


def mails(policies: Policies) -> Iterator[Mail]:
    """Those of the policies' tests, of the demo, of the tests of reading; some of the corpus."""
    for policy in policies.all():
        yield from map(mail_of, policy.tests)
    folders = (REPOSITORY / "milter/mailtriage/demo/samples", REPOSITORY / "tests/mail/data")
    for folder in folders:
        for number, file in enumerate(sorted(folder.rglob("*.eml"))):
            # A null sender counts, too.
            envelope = Envelope("kim@example.com" if number % 4 else "", ("help@desk.example",))
            yield read_message(file.read_bytes(), envelope=envelope)
    corpus = sorted((shipped_directory("policies") / "corpus").glob("*.jsonl"))
    for line in [line for file in corpus for line in file.read_text("utf-8").splitlines()][::EVERY]:
        entry = json.loads(line)
        yield Mail(
            subject=entry.get("subject", ""),
            text=entry["text"],
            newest_text=entry["text"],
            from_address="kim@foo.example",
            envelope=Envelope("kim@foo.example", ("help@desk.example",)),
        )


@pytest.fixture(scope="module")
def judged(policies: Policies, model: Classifier | None) -> list[Judged]:
    remembering = Remembering(policies, model)
    return [
        Judged(mail, found, remembering.text(found.seen) if found.seen else "")
        for mail, found in judge_all(list(mails(policies)), policies, model)
    ]


def judge_all(
    mails: list[Mail], policies: Policies, model: Classifier | None
) -> Iterator[tuple[Mail, Triage]]:
    matcher = Matcher(policies, time_limit=NO_TIME_LIMIT)
    for mail in mails:
        yield mail, triage(mail, matcher, CUSTOMERS, model=model)


def bare(found: Triage) -> Triage:
    """All but where in the mail something stood, which nobody writes down."""
    return replace(found, why=tuple(replace(one, where="") for one in found.why))


def assert_same(
    judged: list[Judged], was: Policies, now: Policies, model: Classifier | None
) -> int:
    """Judged again from what was written down is the same as the mail judged anew; how many of the
    decisions are others than before."""
    recalling = Recalling(policy_set(was, model), policy_set(now, model), now, model)
    different = 0
    mails = [one.mail for one in judged]
    for one, (_, anew) in zip(judged, judge_all(mails, now, model), strict=True):
        again = conclude(recalling.seen(one.text), now)
        assert bare(again) == bare(anew), one.mail.subject
        different += bare(again) != bare(one.triage)
    return different


def changed(policies: Policies, change: Change) -> Policies:
    return Policies(
        tuple(change(policy) for policy in policies.skills),
        {name: change(policy) for name, policy in policies.facets.items()},
    )


def test_unchanged_policies_give_the_same_decision_of_every_mail(
    judged: list[Judged], policies: Policies, model: Classifier | None
) -> None:
    kinds = {one.triage.kind for one in judged}
    assert len(judged) > 600
    assert kinds == set(Kind)
    assert len({one.triage.skill for one in judged}) == 10
    assert assert_same(judged, policies, policies, model) == 0


def test_it_survives_the_way_through_a_file(
    judged: list[Judged], policies: Policies, model: Classifier | None
) -> None:
    kept = read_policy_set(policy_set(policies, model).content)
    assert kept == policy_set(policies, model)
    assert kept is not None
    recalling = Recalling(kept, policy_set(policies, model), policies, model)
    for one in judged[::7]:
        assert bare(conclude(recalling.seen(one.text), policies)) == bare(one.triage)


def other_weights(policy: Policy) -> Policy:
    signals = (replace(signal, weight=-2 * signal.weight) for signal in policy.signals[::2])
    return replace(policy, signals=(*signals, *policy.signals[1::2]))


def other_thresholds(policy: Policy) -> Policy:
    levels = {name: level * 0.7 for name, level in policy.levels.items()}
    return replace(policy, threshold=policy.threshold * 2, margin=2.0, levels=levels)


def fewer_signals(policy: Policy) -> Policy:
    return replace(policy, signals=policy.signals[1::3] or policy.signals[:1])


def other_adjustments(policy: Policy) -> Policy:
    return replace(policy, base=policy.base + 9, adjust={**policy.adjust, "tier-vip": 30.0})


def lower_floors(policy: Policy) -> Policy:
    signals = (replace(signal, floor=min(signal.floor, 70)) for signal in policy.signals)
    return replace(policy, signals=tuple(signals))


@pytest.mark.parametrize(
    "change", [other_weights, other_thresholds, fewer_signals, other_adjustments, lower_floors]
)
def test_changed_policies_give_what_the_mail_itself_would_get(
    judged: list[Judged], policies: Policies, model: Classifier | None, change: Change
) -> None:
    different = assert_same(judged, policies, changed(policies, change), model)
    assert different > 0


def test_any_mixture_of_changes_does(
    judged: list[Judged], policies: Policies, model: Classifier | None
) -> None:
    chance = random.Random(20261123)

    def change(policy: Policy) -> Policy:
        kept = [signal for signal in policy.signals if chance.random() > 0.1]
        for number, signal in enumerate(kept):
            if chance.random() < 0.3:
                factor = chance.choice((0.5, 2.0, -1.0))
                kept[number] = replace(signal, weight=signal.weight * factor)
        threshold = policy.threshold * chance.choice((0.5, 1.0, 2.0))
        return replace(policy, signals=tuple(kept), threshold=threshold)

    assert assert_same(judged, policies, changed(policies, change), model) > 0


def test_a_skill_that_is_switched_off_gets_no_mail(
    judged: list[Judged], policies: Policies, trained: Classifier, model: Classifier | None
) -> None:
    kept = tuple(policy for policy in policies.skills if policy.name != "billing")
    now = replace(policies, skills=kept)
    without = trained.without("skill", ["billing"]) if model else None
    recalling = Recalling(policy_set(policies, model), policy_set(now, without), now, without)
    assert not recalling.model_differs
    mails = [one.mail for one in judged]
    moved = 0
    for one, (_, anew) in zip(judged, judge_all(mails, now, without), strict=True):
        assert bare(conclude(recalling.seen(one.text), now)) == bare(anew)
        moved += one.triage.skill == "billing"
    assert moved > 20


def test_nothing_of_the_text_is_written_down(judged: list[Judged]) -> None:
    for one in judged:
        assert one.text.isascii()
        assert "\n" not in one.text
        assert len(one.text) < 1000
    strange = {word for one in judged for word in json.loads(one.text)}
    assert strange <= set("acdfhlmnpqrstuw")


def test_a_mailbox_that_may_give_other_skills_today(
    judged: list[Judged], policies: Policies, model: Classifier | None
) -> None:
    known = policy_set(policies, model)
    recalling = Recalling(known, known, policies, model)
    matcher = Matcher(policies, time_limit=NO_TIME_LIMIT)
    for one in judged[::5]:
        again = conclude(recalling.seen(one.text, skills=("returns",)), policies)
        anew = triage(one.mail, matcher, CUSTOMERS, model=model, skills=("returns",))
        assert again.skill in ("returns", "general")
        assert bare(again) == bare(anew)


class TestWhatCannotBeSaid:
    """A signal that is new, or looks for something else, in the languages in which it does."""

    WAS = Signal("w", 1.0, words={"de": ("rechnung",), "sv": ("faktura",)})

    def sets(self, now: Signal, policy: str = "billing") -> tuple[PolicySet, PolicySet]:
        skill = policy == "billing"

        def made(signal: Signal) -> PolicySet:
            one = Policy("a.toml", 1, policy, is_skill=skill, signals=(signal,))
            return policy_set(Policies((one,)) if skill else Policies((), {policy: one}), None)

        return made(self.WAS), made(now)

    def differs(self, now: Signal, language: str, policy: str = "billing") -> bool:
        was, today = self.sets(now, policy)
        key = (policy, policy == "billing", "w")
        return today.signals[key].differs(was.signals[key], language)

    @pytest.mark.parametrize(
        "now",
        [
            replace(WAS, weight=-7.0),
            replace(WAS, topic="invoice"),
            replace(WAS, line=99),
            replace(WAS, floor=70),
        ],
    )
    def test_weights_and_names_do_not_matter(self, now: Signal) -> None:
        assert not self.differs(now, "de", "priority")

    @pytest.mark.parametrize(
        "now",
        [
            replace(WAS, max_hits=3),
            replace(WAS, where=frozenset({"body"})),
            replace(WAS, words={}, regex="rech.ung"),
            replace(WAS, words={}, header=HeaderCondition("X-A")),
            replace(WAS, floor=90),
        ],
    )
    def test_what_it_looks_at_does(self, now: Signal) -> None:
        assert self.differs(now, "de", "priority")
        assert self.differs(now, "fr", "priority")

    def test_phrases_matter_in_their_language_alone(self) -> None:
        now = replace(self.WAS, words={"de": ("rechnung", "mahnung"), "sv": ("faktura",)})
        assert self.differs(now, "de")
        assert not self.differs(now, "sv")
        assert self.differs(now, "und")
        assert self.differs(replace(self.WAS, words={**self.WAS.words, "any": ("x1",)}), "sv")

    def test_another_model_is_noticed(self, policies: Policies, trained: Classifier) -> None:
        was = policy_set(policies, trained)
        weights = trained.weights.copy()
        weights[:, 0] += 1
        other = replace(trained, weights=weights)
        assert Recalling(was, policy_set(policies, other), policies, other).model_differs
        none = policy_set(policies, None)
        assert Recalling(none, was, policies, trained).model_differs
        assert not Recalling(was, none, policies, None).model_differs


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", '{"l":["de"]}', '{"l":["de",1],"h":[1]}', '{"l":["de",1],"h":[99999,2]}',
        '{"l":["de",1],"h":[],"p":"AAA"}', '{"l":["de",1],"h":[],"p":"AAAA"}', '{"l":["de",1],"r":["cat"]}',
        '{"l":["de",1],"t":"king"}', '{"l":["de",1],"h":[],"d":3}', '{"l":1}',
    ],
)  # fmt: skip
def test_what_is_damaged_is_refused(text: str, policies: Policies, trained: Classifier) -> None:
    known = policy_set(policies, trained)
    recalling = Recalling(known, known, policies, trained)
    with pytest.raises(ValueError, match=r"\w"):
        conclude(recalling.seen(text), policies)


def test_the_language_that_was_listened_to() -> None:
    assert heard_in('{"l":["de",0.9],"h":[]}') == "de"
    assert heard_in('{"l":["de",0.3],"h":[]}') == "und"
    assert heard_in('{"l":["de",0.9],"r":["machine","precedence"]}') == ""


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version":1}', b"\xff", b'{"signals":[[1]]}'])
def test_a_damaged_set_of_policies_is_none(content: bytes) -> None:
    assert read_policy_set(content) is None
