"""The short form of `make chaos`: kill -9 at random, and nothing is lost, forgotten or made up."""

import pytest

from tests.chaos.run import Options, run
from tests.support import opendkim
from tests.support.postfix import why_not

pytestmark = pytest.mark.e2e

ROLES = {"acks", "analyser", "desk", "milter"}


def test_what_was_accepted_is_acknowledged_whatever_is_killed_meanwhile() -> None:
    if reason := why_not() or opendkim.why_not():
        pytest.skip(reason)
    account = run(Options(mails=120, seed=3, seconds=90, pause=0.4))
    print(account.table(), account.evidence, sep="\n")
    assert account.failures == []
    assert set(account.kills) == ROLES, "each was killed at least once"
