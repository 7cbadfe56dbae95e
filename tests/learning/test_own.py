"""What is taught beside the corpus, what each lesson weighs, and that nobody is judged on what it
was shown. Lessons are made of the theatre's mails, with no corpus or a part of its own."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.classifier.store import model_bytes
from mailtriage.labelled.read import read_labelled
from mailtriage.learning import own
from mailtriage.learning.crossval import folds_of, unseen_margins
from mailtriage.learning.report import answers, figures
from mailtriage.learning.texts import Lesson, lessons
from mailtriage.mail.model import Limits
from mailtriage.policies.matcher import Matcher
from mailtriage.policies.model import Policies

THEATRE = Path(__file__).resolve().parent / "data" / "theatre.jsonl"
SKILLS = {"events", "lost-and-found", "season-ticket"}


@pytest.fixture(scope="module")
def theatre() -> list[Lesson]:
    return list(lessons(read_labelled(THEATRE).examples, Matcher(Policies()), Limits()))


def corpus_of(theatre: list[Lesson]) -> list[Lesson]:
    """A corpus with a skill of its own, one that the theatre teaches too, and moods."""
    return [
        replace(
            lesson,
            id=f"corpus-{number}",
            labels={
                "skill": "season-ticket"
                if lesson.labels["skill"] == "season-ticket"
                else "billing",
                "mood": "negative" if number % 2 else "neutral",
                "kind": "human",
            },
        )
        for number, lesson in enumerate(theatre)
    ]


class TestPlan:
    def test_own_lessons_come_before_those_of_the_corpus(self, theatre: list[Lesson]) -> None:
        course = own.plan(theatre, corpus_of(theatre))
        assert {lesson.weight for lesson in course.own} == {own.MOST_WEIGHT}
        weights = {lesson.labels["skill"]: lesson.weight for lesson in course.corpus}
        assert weights == {"season-ticket": own.OVERRULED, "billing": 1.0}

    def test_many_own_lessons_need_no_help(self, theatre: list[Lesson]) -> None:
        many = [replace(lesson, id=f"{n}") for n, lesson in enumerate(theatre * 20)]
        assert {lesson.weight for lesson in own.plan(many, theatre).own} == {1.0}

    def test_a_skill_met_twenty_times_in_thousands_is_dared_all_the_same(
        self, theatre: list[Lesson]
    ) -> None:
        corpus = corpus_of(theatre)
        course = own.plan(theatre, corpus)
        plain = replace(course, lift=0.0)
        trial = own.trials(course)[0]
        lifted, bare = own.learn(course, trial, {}), own.learn(plain, trial, {})
        gained = dict(zip(lifted.labels("skill"), lifted.bias - bare.bias, strict=False))
        assert gained["events"] == gained["lost-and-found"] == pytest.approx(own.LIFT)
        assert gained["billing"] == gained["season-ticket"] == 0, "the corpus has them"
        assert own.plan(theatre, corpus, only=True).lift == 0

    def test_only_leaves_the_own_skills_and_every_other_facet(self, theatre: list[Lesson]) -> None:
        course = own.plan(theatre, corpus_of(theatre), only=True)
        model = own.learn(course, own.trials(course)[0], {"mood": 0.5})
        assert set(model.labels("skill")) == SKILLS
        assert set(model.labels("mood")) == {"negative", "neutral"}

    def test_beside_the_corpus_both_are_known(self, theatre: list[Lesson]) -> None:
        course = own.plan(theatre, corpus_of(theatre))
        model = own.learn(course, own.trials(course)[0], {"mood": 0.5})
        assert set(model.labels("skill")) == SKILLS | {"billing"}
        temperatures = {head.facet: head.temperature for head in model.heads}
        assert temperatures["mood"] == 0.5, "as the shipped model has it"

    def test_what_is_labelled_is_judged(self, theatre: list[Lesson]) -> None:
        moody = corpus_of(theatre)
        assert own.plan(moody, ()).facets == ("skill", "mood")
        assert own.plan(theatre, moody).facets == ("skill",)

    def test_a_single_skill_is_judged_against_the_shipped_ones(self, theatre: list[Lesson]) -> None:
        single = [lesson for lesson in theatre if lesson.labels["skill"] == "events"]
        assert own.plan(single, corpus_of(theatre)).facets == ("skill",)
        assert own.plan(single, corpus_of(theatre), only=True).facets == ()

    def test_more_than_memory_holds_thins_the_corpus_and_never_the_own(
        self, theatre: list[Lesson], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        corpus = corpus_of(theatre)
        monkeypatch.setattr(own, "MOST_VALUES", 1)
        course = own.plan(theatre, corpus)
        left = [lesson for lesson in course.corpus if "skill" in lesson.labels]
        assert 0 < len(left) < len(corpus) / 2
        assert len(course.corpus) == len(corpus), "the other facets have all of it"
        assert course.counts("skill").total() == len(theatre)


def test_the_same_mails_give_the_same_model(theatre: list[Lesson]) -> None:
    made = []
    for _ in range(2):
        course = own.plan(theatre, corpus_of(theatre))
        made.append(model_bytes(own.learn(course, own.trials(course)[0], {})))
    assert made[0] == made[1]


def test_twenty_mails_a_skill_are_told_apart_unseen(theatre: list[Lesson]) -> None:
    course = own.plan(theatre, (), only=True)
    trial = own.trials(course)[0]
    model = own.learn(course, trial, {})
    warm = {head.facet: head.temperature for head in model.heads}
    said = answers(course.own, "skill", *trial.unseen["skill"], warm["skill"])
    found = figures("skill", said)
    assert found.n == 60
    assert found.macro_f1 > 0.7


def test_nobody_is_judged_by_a_model_that_was_shown_the_mail(theatre: list[Lesson]) -> None:
    """Labels that follow no rule cannot be foretold, though they can be learnt by heart."""
    order = sorted(theatre, key=lambda lesson: own.fingerprint(lesson))
    chance = [
        replace(lesson, labels={"skill": "odd" if number % 2 else "even"})
        for number, lesson in enumerate(order)
    ]
    labels, scores = unseen_margins(chance, ["skill"])["skill"]
    right = [
        labels[best] == lesson.labels["skill"]
        for best, lesson in zip(scores.argmax(axis=1), chance, strict=True)
    ]
    assert sum(right) < 0.75 * len(right)


class TestFolds:
    def test_each_label_is_spread_evenly(self, theatre: list[Lesson]) -> None:
        place = folds_of(theatre, "skill")
        for skill in SKILLS:
            found = Counter(
                at for at, lesson in zip(place, theatre, strict=True)
                if lesson.labels["skill"] == skill
            )  # fmt: skip
            assert max(found.values()) - min(found.values()) <= 1

    def test_groups_are_never_divided(self, theatre: list[Lesson]) -> None:
        grouped = [replace(lesson, group=str(n % 7)) for n, lesson in enumerate(theatre)]
        place = folds_of(grouped, "skill")
        pairs = {(lesson.group, at) for lesson, at in zip(grouped, place, strict=True)}
        assert len(pairs) == 7

    def test_too_few_groups_are_none(self, theatre: list[Lesson]) -> None:
        """All mail of one organisation is of one industry."""
        same = [replace(lesson, group="theatre") for lesson in theatre]
        assert set(folds_of(same, "skill")) == {0, 1, 2, 3}

    def test_the_order_of_the_lessons_does_not_matter(self, theatre: list[Lesson]) -> None:
        forth, back = folds_of(theatre, "skill"), folds_of(theatre[::-1], "skill")
        assert forth == back[::-1]


class TestCopies:
    def test_the_same_mail_twice_counts_once(self, theatre: list[Lesson]) -> None:
        twice = [*theatre, *(replace(lesson, id=f"{lesson.id}-again") for lesson in theatre)]
        assert own.without_copies(twice) == theatre

    def test_the_same_mail_with_another_label_stays(self, theatre: list[Lesson]) -> None:
        other = replace(theatre[0], labels={"skill": "season-ticket"})
        assert len(own.without_copies([*theatre, other])) == len(theatre) + 1

    def test_a_fingerprint_is_the_mails_and_not_the_labels(self, theatre: list[Lesson]) -> None:
        assert len({own.fingerprint(lesson) for lesson in theatre}) == len(theatre)
        assert own.fingerprint(replace(theatre[0], labels={})) == own.fingerprint(theatre[0])
