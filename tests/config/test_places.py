"""Two doors cannot open at one place, nor is mail handed in where the next door takes it."""

from collections.abc import Callable

import pytest

Problems = Callable[[str], list[str]]

PROXY = "[smtp]\nlisten = '127.0.0.1:10025'\n"
HOP = PROXY + "next_hop = '127.0.0.1:10028'\n"
BOX = "[mailboxes.'help@desk.example']\n"
OWN_PORT = ": acknowledgements need a port of their own, with the milter that signs and no other"
DESK = ": the desk takes nothing but hidden copies"
TAGGED = ": acknowledgements would be tagged like mail that comes in"


@pytest.mark.parametrize(
    ("toml", "found"),
    {
        HOP + BOX: "",
        f"{PROXY}{BOX}": f"1: smtp.next_hop: the same address as ack.submit{OWN_PORT}",
        f"{PROXY}next_hop = '127.0.0.1:10027'\n{BOX}": (
            f"3: smtp.next_hop: the same address as desk.listen{DESK}"
        ),
        f"{HOP}[ack]\nsubmit = '127.0.0.1:10025'\n{BOX}": (
            f"2: smtp.listen: the same address as ack.submit{TAGGED}"
        ),
        f"{HOP}[desk]\nlisten = '127.0.0.1:10025'\n{BOX}": (
            "2: smtp.listen: the same address as desk.listen"
        ),
        f"{HOP}[milter]\nlisten = '127.0.0.1:10028'\n{BOX}": (
            "3: smtp.next_hop: the same address as milter.listen"
        ),
        f"[milter]\nlisten = '127.0.0.1:10027'\n{BOX}": (
            "1: desk.listen: the same address as milter.listen"
        ),
        f"[milter]\nlisten = '127.0.0.1:10026'\n{BOX}": "1: ack.submit: the same address as milter.listen",
        f"[milter]\nlisten = 'fd:3'\n{BOX}": "",
    }.items(),
)
def test_two_keys_that_name_one_place(problems: Problems, toml: str, found: str) -> None:
    assert problems(toml) == ([found] if found else [])


@pytest.mark.parametrize(
    "toml",
    [
        PROXY,
        PROXY + "next_hop = '127.0.0.1:10027'\n",
        "[milter]\nlisten = '127.0.0.1:10026'\n",
        "[milter]\nlisten = '127.0.0.1:10027'\n",
    ],
)
def test_without_a_mailbox_the_places_of_acknowledgements_are_free(
    problems: Problems, toml: str
) -> None:
    assert problems(toml) == []


@pytest.mark.parametrize(
    ("desk", "submit", "same"),
    [
        ("127.0.0.1:24", "localhost:24", True),
        ("0.0.0.0:24", "127.0.0.1:24", True),
        ("[::]:24", "localhost:24", True),
        ("127.0.0.1:24", "127.0.0.1:26", False),
        ("127.0.0.1:24", "[::1]:24", False),
        ("0.0.0.0:24", "192.0.2.9:24", False),
    ],
)
def test_a_place_has_several_names(problems: Problems, desk: str, submit: str, same: bool) -> None:
    toml = f"[desk]\nlisten = 'inet:{desk}'\n[ack]\nsubmit = '{submit}'\n{BOX}"
    found = [line for line in problems(toml) if "the same address as" in line]
    assert found == (
        ["4: ack.submit: the same address as desk.listen: nothing would be sent"] if same else []
    )
