"""The secret: made once, kept to its owner, and never half there."""

import stat
import threading
from pathlib import Path

import pytest

from mailtriage.state.secret import SECRET_BYTES, SecretError, make_secret, read_secret


def test_it_is_made_once_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    secret = make_secret(file)
    assert len(secret) == SECRET_BYTES
    assert make_secret(file) == secret
    assert read_secret(file) == secret
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_two_installations_have_two_secrets(tmp_path: Path) -> None:
    assert make_secret(tmp_path / "one") != make_secret(tmp_path / "two")


def test_all_who_make_it_at_once_get_the_same(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    made: list[bytes] = []
    begin = threading.Barrier(8)

    def make() -> None:
        begin.wait()
        made.append(make_secret(file))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert set(made) == {read_secret(file)}
    assert list(tmp_path.iterdir()) == [file]


def test_a_secret_of_the_administrator_may_be_longer_and_read_by_the_group(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"s" * 64)
    file.chmod(0o640)
    assert make_secret(file) == b"s" * 64


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"", 0o600, "has 0 bytes, and needs 32"),
        (b"s" * 31, 0o600, "has 31 bytes"),
        (b"s" * 32, 0o604, "chmod o="),
        (b"s" * 32, 0o602, "chmod o="),
    ],
)
def test_one_that_must_not_be_used(tmp_path: Path, content: bytes, mode: int, said: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    file.chmod(mode)
    for use in (read_secret, make_secret):
        with pytest.raises(SecretError, match=said):
            use(file)
    assert file.read_bytes() == content


def test_nothing_is_there_yet(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="first start of mailtriage serve makes it"):
        read_secret(tmp_path / "secret")


def test_a_directory_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot be read"):
        read_secret(tmp_path)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot be made: no such file or directory"):
        make_secret(tmp_path / "nowhere" / "secret")
