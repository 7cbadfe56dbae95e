"""Help pages and answer templates: without them, or with old ones, mail goes on as ever."""

from collections.abc import Iterator
from typing import Final

from mailtriage.doctor.facts import Facts
from mailtriage.doctor.model import Finding

_DAY: Final = 86_400.0
_OLD: Final = 90 * _DAY
"""Seconds after which help pages have most likely changed."""


def knowledge(facts: Facts) -> Iterator[Finding]:
    """kb-missing, kb-damaged, kb-old: customers read nothing of it, or what no longer holds."""
    found, kb = facts.knowledge, facts.config.kb
    if found is None:
        return
    build = facts.shell.mailtriage("kb build")
    if kb.sitemaps:
        build = f"{facts.shell.mailtriage('kb fetch')}; {build}"
    mend = f"{build} && systemctl reload mailtriage"
    if not (kb.sources or kb.sitemaps):
        mend = f"# In [kb] write sources or sitemaps (docs/knowledge-base.md), then\n{mend}"
    if found.missing:
        yield Finding(
            "kb-missing",
            "warning",
            f"there is no knowledge base at {kb.index}",
            "nothing is suggested to agents, and no acknowledgement quotes a help page",
            mend,
        )
    elif found.fault:
        yield Finding(
            "kb-damaged",
            "warning",
            found.fault,
            "nothing is suggested from the next start or reload on",
            mend,
        )
    elif found.age > _OLD:
        yield Finding(
            "kb-old",
            "warning",
            f"the knowledge base at {kb.index} was built {found.age / _DAY:.0f} days ago",
            "acknowledgements quote your help pages as they were then",
            mend,
        )


def templates(facts: Facts) -> Iterator[Finding]:
    """answers-missing, answers-damaged, answers-mistakes, answers-old: agents are named no
    template, or one that is no more."""
    found, settings = facts.templates, facts.config.answers
    if found is None:
        return
    build = facts.shell.mailtriage("kb build")
    mend = f"{build} && systemctl reload mailtriage"
    if found.missing:
        yield Finding(
            "answers-missing",
            "warning",
            f"answers.folder is set, and there is no index at {settings.index}",
            "X-Mailtriage-Answer says none of every mail",
            mend,
        )
    elif found.fault:
        yield Finding(
            "answers-damaged",
            "warning",
            found.fault,
            "no answer template is suggested from the next start or reload on",
            mend,
        )
    elif found.mistakes:
        first, *others = found.mistakes
        yield Finding(
            "answers-mistakes",
            "warning",
            f"{first} (and {len(others)} more)" if others else first,
            "no new index can be made of the answer templates: the one in use gets old",
            f"# Mend the files that this names:\n{build}",
        )
    elif found.is_behind:
        yield Finding(
            "answers-old",
            "warning",
            f"{settings.folder} has changed since {settings.index} was made of it",
            "agents are named templates as they were then, and those that have gone",
            mend,
        )
