"""What scanning costs grows with the mail, not with its square, however hostile the text is."""

import time
from collections.abc import Callable

import pytest

from mailtriage.mail.model import Mail
from mailtriage.policies.matcher import Matcher, mail_text
from mailtriage.policies.model import Policies

POLICY = r"""
skill = "billing"
signal = [
  { id = "words", weight = 1, words.any = ["faktur*", "*sum*", "fel* belopp", "aaa* *aaa* aaa"] },
  { id = "near", weight = 1, max_hits = 20, near.any = { a = ["wrong", "*aaa*"], b = ["sum*"] } },
  { id = "pattern", weight = 1, regex = '\b[a-z]{1,20}@\d+', guard = [] },
]
test = [{ name = "t", expect = { skill = "general" } }]
"""


@pytest.mark.alone
@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "aaa ",
        "sum",
        "wrong ",
        "wrong sum. ",
        "sum " * 9 + "wrong. ",
        "felx ",
        "- ",
        "¶",
        "é\u0301",
        "\u0301\u0323",
    ],
)
def test_ten_times_the_text_costs_at_most_about_ten_times(
    policies: Callable[[str], Policies], unit: str
) -> None:
    matcher = Matcher(policies(POLICY), time_limit=10.0)

    def seconds(characters: int) -> float:
        mail = Mail(newest_text=unit * (characters // len(unit)))
        best = 1e9
        for _ in range(3):
            began = time.perf_counter()
            matcher.scan(mail, mail_text(mail), "und", quote=True)
            best = min(best, time.perf_counter() - began)
        return best

    # Quadratic work would give 100; the room above 10 is for a busy machine.
    assert seconds(200_000) < 40 * seconds(20_000)
