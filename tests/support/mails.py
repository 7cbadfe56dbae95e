"""Mails that leave no doubt about their tags, and what every tagged mail must look like."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SHARED: Final = Path(__file__).resolve().parents[2].parent / "shared" / "data"
"""Real mails; they lie beside the repository on some machines and are in none."""

TAG_NAMES: Final = (
    "X-Mailtriage", "X-Mailtriage-Priority", "X-Mailtriage-Score", "X-Mailtriage-Language",
    "X-Mailtriage-Skill", "X-Mailtriage-Skills", "X-Mailtriage-Tier", "X-Mailtriage-Churn",
    "X-Mailtriage-Mood", "X-Mailtriage-Topic", "X-Mailtriage-Kb", "X-Mailtriage-Kind",
    "X-Mailtriage-Thread", "X-Mailtriage-Ack", "X-Mailtriage-Ack-Rule", "X-Mailtriage-Route",
    "X-Mailtriage-Sender-Marked", "X-Mailtriage-Why", "X-Mailtriage-Seal", "X-Mailtriage-Status",
)  # fmt: skip
"""Every header of the vocabulary, in the order in which they stand at the top of a mail."""

VALUES: Final = {
    "X-Mailtriage": r"v=1;( [a-z]+=[a-z0-9_-]+;)+",
    "X-Mailtriage-Priority": r"urgent|high|normal|low",
    "X-Mailtriage-Score": r"0\d\d|100",
    "X-Mailtriage-Language": r"[a-z]{2,3}(-[a-z0-9]+)*",
    "X-Mailtriage-Skill": r"[a-z0-9-]+",
    "X-Mailtriage-Skills": r"[a-z0-9-]+;( [a-z0-9-]+;)*",
    "X-Mailtriage-Tier": r"vip|gold|standard|unknown",
    "X-Mailtriage-Churn": r"high|medium|low",
    "X-Mailtriage-Mood": r"positive|neutral|negative",
    "X-Mailtriage-Topic": r"[a-z0-9-]+",
    "X-Mailtriage-Kb": r"[a-z0-9-]+",
    "X-Mailtriage-Kind": r"human|machine|bounce|list",
    "X-Mailtriage-Thread": r"new|reply|chaser",
    "X-Mailtriage-Ack": r"sent|skipped|delegated|none",
    "X-Mailtriage-Ack-Rule": r"none|[a-i][0-9]{1,2}",
    "X-Mailtriage-Seal": r"none|v=1; [a-z0-9=; -]+",
    "X-Mailtriage-Route": r"[a-z0-9-]+",
    "X-Mailtriage-Sender-Marked": r"[a-z0-9-]+",
    "X-Mailtriage-Why": r"[a-z0-9_-]+(, [a-z0-9_-]+)*",
    "X-Mailtriage-Status": r"ok|timeout|error|overload|unread",
}
"""What the value of each may be."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail, and some of the tags that it must get."""

    raw: bytes
    expect: dict[str, str]

    def agrees_with(self, tags: dict[str, str]) -> bool:
        """True when those tags (by name, case ignored) are as expected."""
        given = {name.lower(): value for name, value in tags.items()}
        return all(given.get(name.lower()) == value for name, value in self.expect.items())


def letter(language: str, skill: str, subject: str, *lines: str) -> Letter:
    """A plain UTF-8 mail."""
    head = f"From: Kim <kim@customer.example>\nTo: help@desk.example\nSubject: {subject}\n"
    mime = 'MIME-Version: 1.0\nContent-Type: text/plain; charset="utf-8"\n'
    body = "\n".join(lines) + "\n"
    return Letter(
        f"{head}{mime}Content-Transfer-Encoding: 8bit\n\n{body}".encode(),
        {"X-Mailtriage-Language": language, "X-Mailtriage-Skill": skill},
    )


LETTERS: Final = (
    letter(
        "sv", "billing", "Fel belopp fakturan",
        "Hej,", "fakturan för november har fel belopp. Jag har redan betalat den förra fakturan,",
        "ändå har ni skickat en påminnelse med avgift. Kan ni rätta fakturan?", "Hälsningar, Kim",
    ),
    letter(
        "de", "delivery", "Wo bleibt mein Paket?",
        "Guten Tag,", "mein Paket ist seit zwei Wochen unterwegs und die Sendungsverfolgung zeigt",
        "nichts Neues. Wann kommt die Lieferung endlich bei mir an?", "Freundliche Grüße, Kim",
    ),
    letter(
        "en", "account", "Cannot log in to my account",
        "Hello,", "I forgot my password and the password reset link never arrives, so I cannot",
        "log in to my account any more. Could you reset the password for me?", "Regards, Kim",
    ),
    letter(
        "fr", "cancellation", "Resiliation de mon abonnement",
        "Bonjour,", "je souhaite résilier mon abonnement à la fin du mois. Merci de confirmer la",
        "résiliation de mon contrat par retour de courriel.", "Cordialement, Kim",
    ),
)  # fmt: skip
"""Four mails that differ in language and skill."""

FORGED: Final = (
    b"X-Mailtriage: v=1; prio=urgent; tier=vip;\n"
    b"x-MAILTRIAGE-priority: urgent\n"
    b"X-Mailtriage-Tier: vip\n"
    b"X-Mailtriage-Tier : vip\n"
    b"X-MailTriage-Status: ok\n"
    b"X-Mailtriage-Unheard-Of: yes\n"
) + 5 * b"X-Mailtriage-Skill: sales\n"
"""Header fields that only mailtriage may write, as a forger would try them."""


def with_header(raw: bytes, header: bytes) -> bytes:
    """The mail with those header lines at its top, each ending in LF."""
    return header + raw


def assert_tagged(header: list[tuple[str, str]], status: str = "ok") -> None:
    """All tags stand at the very top, in order, well formed, each once, and none elsewhere."""
    top, rest = header[: len(TAG_NAMES)], header[len(TAG_NAMES) :]
    assert [name for name, _ in top] == list(TAG_NAMES)
    for name, value in top:
        assert re.fullmatch(VALUES[name], value), f"{name}: {value!r}"
        assert len(value) <= 200
    assert not ours(rest)
    assert dict(top)["X-Mailtriage-Status"] == status


def ours(header: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The fields of a header that bear a name of ours, whatever the case."""
    return [field for field in header if field[0].lower().startswith("x-mailtriage")]
