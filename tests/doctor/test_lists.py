"""Lists, milters, times and paths as main.cf has them."""

from pathlib import Path

import pytest

from mailtriage.doctor.lists import entries, milters, seconds, socket_path
from mailtriage.doctor.machine import file_system
from mailtriage.doctor.model import Shell


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("", []),
        ("a, b  c,,d", ["a", "b", "c", "d"]),
        ("x, { inet:h:1, a = b }, y", ["x", "{ inet:h:1, a = b }", "y"]),
        ("inline:{ { a = b, c }, d=e } f", ["inline:{ { a = b, c }, d=e }", "f"]),
    ],
)
def test_a_list_is_parted_at_commas_and_blanks_outside_of_braces(
    value: str, parts: list[str]
) -> None:
    assert entries(value) == parts


@pytest.mark.parametrize(
    "text",
    [
        "{ unix:/m.sock, default_action=accept, content_timeout=20s }",
        "{ unix:/m.sock default_action = accept content_timeout =20s }",
        "{unix:/m.sock,default_action=accept,content_timeout=20s}",
    ],
)
def test_a_milter_in_braces_has_settings_of_its_own(text: str) -> None:
    (milter,) = milters(text)
    assert milter.address == "unix:/m.sock"
    assert milter.settings == {"default_action": "accept", "content_timeout": "20s"}


@pytest.mark.parametrize(
    ("address", "chroot", "path"),
    [
        ("unix:mailtriage/m.sock", False, "/queue/mailtriage/m.sock"),
        ("unix:mailtriage/m.sock", True, "/queue/mailtriage/m.sock"),
        ("unix:/run/m.sock", False, "/run/m.sock"),
        ("unix:/run/m.sock", True, "/queue/run/m.sock"),
        ("inet:localhost:1", True, ""),
    ],
)
def test_a_socket_is_where_a_daemon_in_its_queue_directory_finds_it(
    address: str, chroot: bool, path: str
) -> None:
    assert socket_path(address, "/queue", chroot=chroot) == path


def test_times_have_units() -> None:
    assert [seconds(text) for text in ("20", "20s", "2m", "1h", "odd")] == [20, 20, 120, 3600, 0]


def test_the_file_system_is_that_of_the_nearest_mount() -> None:
    mounts = "a / ext4 rw 0 0\nb /usr tmpfs rw 0 0\nc /us xfs rw 0 0\n"
    assert file_system(Path("/usr/lib"), mounts) == "tmpfs"
    assert file_system(Path("/etc"), mounts) == "ext4"


def test_commands_name_the_directory_and_quote_what_a_shell_would_read() -> None:
    plain, other = Shell(), Shell(("/etc/my own.toml",), "/etc/postfix-in")
    assert plain.rewire() == "mailtriage postfix | sh -eu"
    assert plain.set_main("a", "$b, c") == "postconf -e 'a = $b, c' && postfix reload"
    assert plain.set_for("smtp/inet", "a", "{ x, y = z }, $b") == (
        "postconf -P 'smtp/inet/a={x,y=z},$b' && postfix reload"
    )
    assert other.rewire() == (
        "mailtriage --config '/etc/my own.toml' postfix | "
        "sed s,/etc/postfix,/etc/postfix-in,g | MAIL_CONFIG=/etc/postfix-in sh -eu"
    )
