"""What a mail was judged by, as fingerprints: which signals there were, and what each looked for.

A hit that was written down once counts as long as its signal still looks for the same. The weights
that turn hits into a decision are not in here: those are what an administrator changes, and looks
at the past mails again.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from mailtriage import __version__
from mailtriage.classifier.model import Classifier
from mailtriage.policies.model import Policies, Policy, Signal
from mailtriage.policies.phrases import ANY, UNSURE
from mailtriage.triage.unreal import URGENT

_DIGEST: Final = 6
"""Bytes of a fingerprint: two of ten thousand are alike once in 5 million times."""

Key = tuple[str, bool, str]
"""Name of the policy, whether it is a skill, id of the signal."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one signal looks for."""

    always: str
    """Fingerprint of what does not depend on the language."""
    words: Mapping[str, str]
    """Fingerprint of its phrases by language."""
    floor: bool = False
    """Whether it has a floor for which something more is looked for (`_of_priority`)."""

    def differs(self, before: "Look", language: str) -> bool:
        """Whether it looks for what it did not look for before in mails of that language ("und":
        any)."""
        if self.always != before.always or (self.floor and not before.floor):
            return True
        if language == UNSURE:
            return self.words != before.words
        return any(self.words.get(name) != before.words.get(name) for name in (language, ANY))

    def speaks(self, language: str) -> bool:
        """Whether it can hit in mails of that language at all."""
        return not self.words or language == UNSURE or language in self.words or ANY in self.words


@dataclass(frozen=True, slots=True)
class LearnedHead:
    """One facet of the model."""

    facet: str
    temperature: float
    labels: Mapping[str, str]
    """Label to the fingerprint of its weights, in the order of the model."""


@dataclass(frozen=True)
class PolicySet:
    """What a mail was judged by."""

    version: str
    """Of mailtriage: what it reads beside the policies, such as dates, is part of it."""
    signals: Mapping[Key, Look]
    """In the order of the policies: a hit is written down as a number of this order."""
    heads: tuple[LearnedHead, ...]
    """Of the model; none where the rules decided alone."""

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """The signals by number."""
        return tuple(self.signals)

    @cached_property
    def numbers(self) -> dict[Key, int]:
        """The number of each signal."""
        return {key: number for number, key in enumerate(self.signals)}

    @cached_property
    def content(self) -> bytes:
        """As JSON: the same for the same policies and model."""
        data = {
            "version": self.version,
            "signals": [
                [*key, look.always, dict(sorted(look.words.items())), look.floor]
                for key, look in self.signals.items()
            ],
            "heads": [
                [head.facet, head.temperature, list(head.labels.items())] for head in self.heads
            ],
        }
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()

    @cached_property
    def name(self) -> str:
        """A name for it: another set has another one."""
        return hashlib.blake2b(self.content, digest_size=8).hexdigest()


def policy_set(policies: Policies, model: Classifier | None) -> PolicySet:
    """The fingerprints of what is in use."""
    signals = {
        (policy.name, policy.is_skill, signal.id): _look(policy, signal)
        for policy in policies.all()
        for signal in policy.signals
    }
    return PolicySet(__version__, signals, tuple(_heads(model)) if model else ())


def read_policy_set(content: bytes) -> PolicySet | None:
    """The inverse of `PolicySet.content`; None when it is none."""
    try:
        data = json.loads(content)
        return PolicySet(
            str(data["version"]),
            {
                (str(policy), bool(is_skill), str(name)): Look(
                    str(always), dict(words), bool(floor)
                )
                for policy, is_skill, name, always, words, floor in data["signals"]
            },
            tuple(
                LearnedHead(str(facet), float(temperature), dict(labels))
                for facet, temperature, labels in data["heads"]
            ),
        )
    except (ValueError, TypeError, KeyError):
        return None


def _look(policy: Policy, signal: Signal) -> Look:
    words: dict[str, list[Sequence[str]]] = {}
    for language, phrases in signal.words.items():
        words.setdefault(language, []).append(phrases)
    for language, near in signal.near.items():
        words.setdefault(language, []).extend((near.a, near.b))
    return Look(
        _fingerprint(
            sorted(signal.where),
            # Only as many as count are written down.
            signal.max_hits,
            signal.within if signal.near else 0,
            signal.regex,
            signal.guard,
            signal.header,
            signal.recipient,
            signal.sender,
            signal.attachment,
        ),
        {language: _fingerprint(*groups) for language, groups in words.items()},
        _has_floor(policy, signal),
    )


def _has_floor(policy: Policy, signal: Signal) -> bool:
    """Whether its floor has something looked for: is the danger meant, does it lift a robot."""
    if policy.name != "priority" or policy.is_skill:
        return False
    if signal.words:
        return signal.floor >= URGENT
    return bool(signal.floor and (signal.sender or signal.header))


def _heads(model: Classifier) -> Iterable[LearnedHead]:
    ground = _fingerprint(model.columns.tobytes(), model.idf.tobytes())
    place = 0
    for head in model.heads:
        labels = {}
        for label in head.labels:
            weights = model.weights[:, place].tobytes()
            numbers = float(model.scale[place]), float(model.bias[place])
            labels[label] = _fingerprint(ground, weights, *numbers)
            place += 1
        yield LearnedHead(head.facet, head.temperature, labels)


def _fingerprint(*parts: Any) -> str:
    digest = hashlib.blake2b(digest_size=_DIGEST)
    for part in parts:
        raw = part if isinstance(part, bytes) else repr(part).encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()
