"""`Seen` as a line of text that can be kept, and back: hits as numbers, no word of the mail.

What comes back is `Seen` as today's policies would see the same mail, as far as old hits can tell:
a signal that has gone hits no more, one whose weight has changed has the new points. So a decision
is made of it by the same arithmetic as that of a mail (`judge.conclude`).
"""

import json
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from mailtriage.classifier.features import signal_columns
from mailtriage.classifier.model import BLOCK_SCALE, Classifier, Opinion
from mailtriage.policies.matcher import Hit
from mailtriage.policies.model import Policies, Policy, Signal
from mailtriage.triage.deadline import Deadline, Times
from mailtriage.triage.judge import heard_language
from mailtriage.triage.language import Language
from mailtriage.triage.learned import NO_MODEL, Learned
from mailtriage.triage.model import Direction, Evidence, Kind, Priority, Tier
from mailtriage.triage.policy_set import LearnedHead, PolicySet, policy_set
from mailtriage.triage.seen import Seen
from mailtriage.triage.unreal import URGENT

_HALF: Final = 2
"""Phrases count 1, in the subject 1.5: what was counted is a number of halves."""

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False)


class Remembering:
    """Writes down what was seen by these policies and this model."""

    def __init__(self, policies: Policies, model: Classifier | None) -> None:
        self._of: Final = policies, model
        self.policies: Final = policy_set(policies, model)
        # Before a fork, so that the text is shared by all.
        _ = self.policies.name
        self._numbers: Final = self.policies.numbers
        self._temperatures: Final = tuple(
            (head.facet, head.temperature) for head in self.policies.heads
        )

    def is_of(self, policies: Policies, model: Classifier | None) -> bool:
        """Whether it is of these very policies and this very model."""
        return self._of[0] is policies and self._of[1] is model

    def text(self, seen: Seen) -> str:
        """What was seen, in [ -~]; a few hundred characters."""
        spoken = seen.spoken
        kept: dict[str, Any] = {
            "l": [spoken.code, spoken.confidence, *((one.id, one.weight) for one in spoken.why)]
        }
        if seen.tier is not Tier.UNKNOWN:
            kept["t"] = seen.tier
        if seen.marked is not None:
            kept["m"] = seen.marked
        if seen.standing is not None:
            kept["s"] = seen.standing.id
        if seen.skills:
            kept["a"] = seen.skills
        if seen.held:
            kept["f"] = [self._numbers["priority", False, name] for name in seen.held]
        if seen.robot is not None:
            who, why = seen.robot
            kept["r"] = [who, *(one.id for one in why)]
        else:
            kept |= self._words(seen)
        return _ENCODER.encode(kept)

    def _words(self, seen: Seen) -> dict[str, Any]:
        kept: dict[str, Any] = {"h": self._hits(seen.hits)}
        if seen.null_sender:
            kept["n"] = 1
        if seen.unfounded:
            names = sorted(seen.unfounded)
            kept["u"] = [self._numbers["priority", False, name] for name in names]
        times = seen.times
        if times.deadline is not None:
            kept["d"] = [times.deadline.hours, times.deadline.kind]
        if times.waited:
            kept["w"] = times.waited
        if times.contacts:
            kept["c"] = times.contacts
        if not times.asks:
            kept["q"] = 0
        if seen.learned.opinions:
            kept["p"] = self._opinions(seen.learned)
        return kept

    def _hits(self, hits: Iterable[Hit]) -> list[int]:
        """Number of a signal, and how many halves it counted, in turn."""
        numbers = self._numbers
        found = []
        for policy, signal, points, _ in hits:
            found.append(numbers[policy.name, policy.is_skill, signal.id])
            found.append(round(_HALF * points / signal.weight))
        return found

    def _opinions(self, heard: Learned) -> str:
        """The bare sums of the model, exact: they are of four bytes."""
        sums = array("f")
        for facet, temperature in self._temperatures:
            sums.extend(margin * temperature for margin in heard.opinions[facet].margins)
        return b64encode(sums.tobytes()).decode("ascii")


class Recalling:
    """Brings back what was seen by one set of policies, for the policies and model of today."""

    def __init__(
        self, was: PolicySet, now: PolicySet, policies: Policies, model: Classifier | None
    ) -> None:
        """`now` is the set of `policies` and `model`."""
        self._was: Final = was
        self._model: Final = model
        signals: dict[tuple[str, bool, str], tuple[Policy, Signal]] = {
            (policy.name, policy.is_skill, signal.id): (policy, signal)
            for policy in policies.all()
            for signal in policy.signals
        }
        self._signals: Final = [signals.get(key) for key in was.keys]
        self._ranks: Final = [now.numbers.get(key, -1) for key in was.keys]
        self._today: Final = {head.facet: head for head in now.heads}
        self.model_differs: Final = bool(now.heads) and not _are_known(was.heads, now.heads)
        """Whether today's model would say something that the old one has not said."""

    def seen(
        self, text: str, *, direction: str = "inbound", skills: Sequence[str] | None = None
    ) -> Seen:
        """What was seen; `skills`: what the mailbox may give today, None: what it could then.

        Raises ValueError for what `Remembering.text` has not written.
        """
        try:
            return self._seen(json.loads(text), direction, skills)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(f"damaged: {error!r}") from error

    def _seen(self, kept: dict[str, Any], direction: str, skills: Sequence[str] | None) -> Seen:
        code, confidence, *why = kept["l"]
        told = tuple(Evidence("language", str(name), float(weight)) for name, weight in why)
        tier = Tier(kept.get("t", Tier.UNKNOWN))
        listed = tier is not Tier.UNKNOWN
        robot = None
        if "r" in kept:
            who, *rules = kept["r"]
            robot = Kind(who), tuple(Evidence("kind", str(rule), 1.0) for rule in rules)
        hits = self._hits(kept.get("h", []))
        held = (self._signals[number] for number in kept.get("f", ()))
        unfounded = (self._signals[number] for number in kept.get("u", ()))
        return Seen(
            direction=Direction(direction),
            tier=tier,
            tier_why=(Evidence("tier", "customer-list", 1.0),) if listed else (),
            marked=Priority(kept["m"]) if "m" in kept else None,
            spoken=Language(str(code), float(confidence), told),
            standing=Evidence("thread", str(kept["s"]), 1.0) if "s" in kept else None,
            robot=robot,
            held={signal.id: "" for _, signal in filter(None, held)},
            null_sender="n" in kept,
            hits=tuple(hits),
            learned=self._learned(kept, hits),
            times=_times(kept),
            unfounded=frozenset(
                signal.id for _, signal in filter(None, unfounded) if signal.floor >= URGENT
            ),
            skills=tuple(kept.get("a", ()) if skills is None else skills),
        )

    def _hits(self, kept: Sequence[int]) -> list[Hit]:
        """The hits of the signals that there are today, in today's order, with today's points."""
        found = []
        for number, halves in zip(kept[::2], kept[1::2], strict=True):
            entry = self._signals[number]
            if entry is not None:
                policy, signal = entry
                points = signal.weight * (halves / _HALF)
                found.append((self._ranks[number], Hit(policy, signal, points, "")))
        return [hit for _, hit in sorted(found, key=lambda one: one[0])]

    def _learned(self, kept: dict[str, Any], hits: Sequence[Hit]) -> Learned:
        model = self._model
        if model is None or "p" not in kept:
            return NO_MODEL
        sums = array("f")
        sums.frombytes(b64decode(kept["p"]))
        then = {self._was.keys[number][2] for number in kept["h"][::2]}
        today = [hit.signal.id for hit in hits]
        moved = _moved(model, then, set(today))
        opinions = {}
        start = 0
        for head in self._was.heads:
            values = sums[start : start + len(head.labels)]
            start += len(head.labels)
            now = self._today.get(head.facet)
            if now is None:
                continue
            margins = {
                label: (value + moved.get((head.facet, label), 0.0)) / head.temperature
                for label, value in zip(head.labels, values, strict=True)
                if label in now.labels
            }
            if margins:
                opinions[head.facet] = Opinion(tuple(margins), tuple(margins.values()))
        return Learned(opinions, model.unknown(today))


def heard_in(text: str) -> str:
    """The language whose words were looked for in a mail that `Remembering.text` wrote down;
    empty where nothing was, for the header says that a robot wrote it. Raises ValueError."""
    try:
        kept = json.loads(text)
        code, confidence = kept["l"][:2]
        return "" if "r" in kept else heard_language(Language(str(code), float(confidence)))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"damaged: {error!r}") from error


def _are_known(was: Iterable[LearnedHead], now: Iterable[LearnedHead]) -> bool:
    """Whether all that the model of today could say of a mail was said of it then."""
    then = {head.facet: head for head in was}
    return all(
        head.facet in then
        and head.temperature == then[head.facet].temperature
        and head.labels.items() <= then[head.facet].labels.items()
        for head in now
    )


def _moved(model: Classifier, then: set[str], today: set[str]) -> dict[tuple[str, str], float]:
    """By how much the sums of the model move when other signals hit: it adds up what each says."""
    if then == today:
        return {}
    old, new = _rows(model, then), _rows(model, today)
    moved = np.zeros(model.scale.size, np.float64)
    for rows, sign in ((new - old, 1.0), (old - new, -1.0)):
        moved += sign * model.weights[sorted(rows)].sum(axis=0, dtype=np.float64)
    moved *= BLOCK_SCALE[-1] * model.scale
    names = [(head.facet, label) for head in model.heads for label in head.labels]
    return dict(zip(names, moved.tolist(), strict=True))


def _rows(model: Classifier, signals: set[str]) -> set[int]:
    return {row for row in model.rows[signal_columns(sorted(signals))].tolist() if row >= 0}


def _times(kept: dict[str, Any]) -> Times:
    deadline = None
    if "d" in kept:
        hours, kind = kept["d"]
        deadline = Deadline(float(hours), str(kind), 0, 0)
    waited, contacts = float(kept.get("w", 0.0)), int(kept.get("c", 0))
    return Times(deadline, waited, contacts, asks="q" not in kept)
