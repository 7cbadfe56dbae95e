"""What is learnt from a day's mail (metrics_day.py): how fast answers come, and what rises."""

from collections.abc import Mapping
from math import nan
from random import Random
from typing import Final

from mailtriage.insight.kept import Outcome
from mailtriage.service import metrics_names as names
from mailtriage.service.metrics_registry import Registry

HOUR: Final = 3600
NEEDS_ANSWER: Final = 0.55
PRIORITIES: Final = {"urgent": 3, "high": 15, "normal": 70, "low": 12}
USUAL: Final = {"billing": 2.1, "technical": 3.4, "returns": 1.6, "complaint": 4.0}
"""Opening hours that half of the answers take; of all others 1.3."""
RISING: Final = {("topic", "outage"): 0.4, ("skill", "technical"): 1.0}
"""What rises in the outage, and its part of the usual mail of the skill."""


class Learnt:
    """The part of the registry that the desk and the history's process fill."""

    def __init__(
        self, registry: Registry, random: Random, skills: Mapping[str, int], *, quiet: bool
    ) -> None:
        self._registry: Final = registry
        self._random: Final = random
        self._skills: Final = skills
        self._quiet: Final = quiet
        self._open: Final[dict[str, list[float]]] = {skill: [] for skill in skills}
        self._surging: Final = dict.fromkeys(RISING, 0)

    def mail(self, skill: str, second: int) -> None:
        """A mail has come; some of them need an answer."""
        if self._random.random() < NEEDS_ANSWER:
            self._open[skill].append(second)

    def minute(self, clock: float, second: int, mails: float) -> None:
        """What is answered, what waits, and what rises; `mails`: as many a minute are usual."""
        if 8 <= clock < 17:
            for skill in self._skills:
                share = self._skills[skill] / sum(self._skills.values())
                for _ in range(poisson(self._random, mails * share * NEEDS_ANSWER * 1.08)):
                    self._answer(skill, second)
        for skill, since in self._open.items():
            self._registry.set(names.OPEN, skill, value=len(since))
            oldest = second - since[0] if since else 0
            self._registry.set(names.OPEN_OLDEST, skill, value=oldest)
            promised = (USUAL.get(skill, 1.3) * 1.9 + len(since) / 20) * HOUR
            self._registry.set(names.EXPECTED_REPLY, skill, value=promised)
            satisfied = {"complaint": nan, "technical": 0.71}.get(skill, 0.83)
            self._registry.set(names.CSAT, skill, value=satisfied)
        self._rise(clock, mails * 60)

    def _answer(self, skill: str, second: int) -> None:
        random, registry = self._random, self._registry
        waiting = self._open[skill]
        if not waiting:
            return
        since = waiting.pop(0 if random.random() < 0.8 else random.randrange(len(waiting)))
        worked = USUAL.get(skill, 1.3) * HOUR * random.lognormvariate(0, 0.7)
        weights = list(PRIORITIES.values())
        priority = random.choices(list(PRIORITIES), weights)[0]
        observe(registry, names.FIRST_REPLY, max(worked, second - since), skill, priority)
        observe(registry, names.FIRST_REPLY_WORKED, worked, skill, priority)
        late = 0.3 if skill == "technical" and not self._quiet else 0.1
        outcome = Outcome.BROKEN if random.random() < late else Outcome.KEPT
        registry.add(names.PROMISES, skill, str(outcome))
        self._afterwards(skill, outcome)

    def _afterwards(self, skill: str, outcome: Outcome) -> None:
        """Who was told that it takes longer, who is asked, votes, and what agents correct.

        All of them days after the mail in truth: here it is a day among many alike.
        """
        random, registry = self._random, self._registry
        if outcome is Outcome.BROKEN:
            results, often = ("sent", "late", "escalated"), (12, 3, 1)
            registry.add(names.UPDATES, skill, random.choices(results, often)[0])
        if random.random() < 0.4:
            registry.add(names.SURVEYS, skill, "sent")
            if random.random() < 0.2:
                vote = random.choices("12345", (2, 2, 4, 12, 20))[0]
                registry.add(names.VOTES, skill, vote)
        if random.random() < 0.02:
            facet = random.choices(("skill", "priority", "language", "answer"), (10, 5, 1, 3))[0]
            registry.add(names.FEEDBACK, facet, random.choice(("mail", "mail", "command")))

    def _rise(self, clock: float, hourly: float) -> None:
        registry = self._registry
        for series, part in RISING.items():
            kind, name = series
            share = self._skills["technical"] / sum(self._skills.values()) * part
            score = 0.4
            if not self._quiet and clock >= 13:
                score = min(26.0, (clock - 13) * 17) if clock < 15 else 26 - (clock - 15) * 2.5
            score = max(score, 0.4)
            surging = int(score >= 6 or (self._surging[series] and score > 2))
            if surging != self._surging[series]:
                registry.add(names.SURGES, kind, "started" if surging else "ended")
            self._surging[series] = surging
            registry.set(names.SURGE, kind, name, value=surging)
            registry.set(names.SURGE_SCORE, kind, name, value=score)
            registry.set(names.EXPECTED_MAILS, kind, name, value=hourly * share)


def observe(registry: Registry, name: str, value: float, *labels: str) -> None:
    """One observation, as a worker would tell of it."""
    bounds = names.BY_NAME[name].buckets
    place = sum(bound < value for bound in bounds)
    counts = [float(number == place) for number in range(len(bounds) + 1)]
    told = {"n": name, "l": list(labels), "b": [*counts, value], "x": {}}
    registry.take(1, [told])


def poisson(random: Random, mean: float) -> int:
    """A number of things that happen by themselves, `mean` on average; below 20."""
    passed, number = random.expovariate(1), 0
    while passed < mean and number < 20:
        number += 1
        passed += random.expovariate(1)
    return number
