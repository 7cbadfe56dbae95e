"""What `mailtriage check` and `mailtriage config` say about state that nodes share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.config import load
from mailtriage.service.state_checks import state_problems

URL = "redis://:s3cret@redis.desk.example/0"


@pytest.fixture
def problems(tmp_path: Path) -> Callable[..., list[str]]:
    """Of a configuration with this [state]: warnings and errors, without those of other sections."""

    def look(state: str) -> list[str]:
        file = tmp_path / "mailtriage.toml"
        file.write_text(
            f"[state]\n{state}\n[mailboxes.'help@desk.example']\n"
            "[authentication]\ntrusted_authserv_ids = ['mx.desk.example']\n"
        )
        loaded = load([file])
        found = [*loaded.problems, *state_problems(loaded)]
        return [str(one).partition(": ")[2] for one in found if "state." in str(one)]

    return look


def shared(directory: Path, more: str = "") -> str:
    """[state] of a node."""
    return (
        f"url = '{URL}'\nfile = '{directory}/state.db'\nsecret_file = '{directory}/secret'\n{more}"
    )


def test_nothing_is_wrong_with_one_that_is_whole(
    problems: Callable[..., list[str]], tmp_path: Path
) -> None:
    assert problems(shared(tmp_path)) == []


def test_the_database_of_a_node_lies_where_it_says(tmp_path: Path) -> None:
    file = tmp_path / "mailtriage.toml"
    file.write_text(f"[state]\n{shared(tmp_path)}")
    config = load([file]).config
    assert config.state.database == tmp_path / "state.db"
    assert config.state.shared
    assert "s3cret" not in repr(config)
    file.write_text(f"[state]\nurl = '{URL}'\n")
    assert str(load([file]).config.state.database) == "/var/lib/mailtriage/state.db"


def test_a_secret_of_its_own_is_doubted(problems: Callable[..., list[str]], tmp_path: Path) -> None:
    (found,) = problems(f"url = '{URL}'\nfile = '{tmp_path}/state.db'")
    assert "every node that shares this Redis needs the same secret" in found
    assert "warning" in found


def test_what_only_nodes_need_is_doubted_without_redis(
    problems: Callable[..., list[str]], tmp_path: Path
) -> None:
    url = f"url = 'sqlite://{tmp_path}/state.db'"
    found = problems(f"{url}\nfile = '{tmp_path}/x.db'\npassword_file = '{tmp_path}/p'")
    assert ["state.file" in found[0], "state.password_file" in found[1]] == [True, True]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("right", 0o640, ""),
        ("right", 0o644, "every user of this machine may read it"),
        ("\n", 0o640, "is empty"),
        (None, 0, "cannot be read: no such file or directory"),
    ],
)
def test_the_password_file_is_looked_at(
    problems: Callable[..., list[str]],
    tmp_path: Path,
    content: str | None,
    mode: int,
    said: str,
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    found = problems(shared(tmp_path, f"password_file = '{file}'\n"))
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_two_long_waits_are_doubted(problems: Callable[..., list[str]], tmp_path: Path) -> None:
    more = "timeout = '80ms'\n[customers]\nredis = 'redis://redis.desk.example'\n"
    (found,) = problems(shared(tmp_path, more))
    assert "more than 100 ms" in found
