"""Mail from files of every kind."""

import io
import os
from pathlib import Path

import pytest

from mailtriage.doors import files
from mailtriage.doors.files import StoredMail, UnreadablePath, stored_mails


def message(number: int) -> bytes:
    return b"Subject: %d\n\nbody %d\n" % (number, number)


def mbox(*numbers: int) -> bytes:
    return b"".join(
        b"From anna@example Sat Jan  1 00:00:00 2022\n%b\n" % message(n) for n in numbers
    )


def put(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def subjects(path: Path | str) -> list[str]:
    """The subjects of what is found at a path, in order."""
    return [
        mail.raw.split(b"\n")[0].decode().removeprefix("Subject: ")
        for mail in stored_mails(str(path))
    ]


def maildir(folder: Path, *, new: tuple[int, ...] = (), cur: tuple[int, ...] = ()) -> Path:
    for part in ("new", "cur", "tmp"):
        (folder / part).mkdir(parents=True)
    for number in new:
        put(folder / "new", f"170000000{number}.M1P2.host", message(number))
    for number in cur:
        put(folder / "cur", f"170000000{number}.M1P2.host:2,S", message(number))
    return folder


@pytest.mark.parametrize("name", ["one.eml", "one.txt", "one", "one.whatever", "one.mbox"])
def test_a_file_is_one_message_byte_for_byte(tmp_path: Path, name: str) -> None:
    raw = b"Subject: \xff\r\n\r\n\0\r"
    file = put(tmp_path, name, raw)
    assert list(stored_mails(str(file))) == [StoredMail(str(file), raw)]


@pytest.mark.parametrize("raw", [b"", b"From", b"From: anna@example\n\n"])
def test_even_an_empty_file_is_a_message(tmp_path: Path, raw: bytes) -> None:
    file = put(tmp_path, "one", raw)
    assert list(stored_mails(str(file))) == [StoredMail(str(file), raw)]


def test_an_mbox_gives_its_messages_by_number(tmp_path: Path) -> None:
    file = put(tmp_path, "inbox", mbox(1, 2, 3))
    found = list(stored_mails(str(file)))
    assert [mail.name for mail in found] == [f"{file}#1", f"{file}#2", f"{file}#3"]
    assert [mail.raw for mail in found] == [message(1), message(2), message(3)]


def test_an_eml_file_with_a_from_line_is_one_message(tmp_path: Path) -> None:
    file = put(tmp_path, "one.eml", mbox(1, 2))
    assert list(stored_mails(str(file))) == [StoredMail(str(file), mbox(1, 2))]


def test_an_mbox_is_not_written_to(tmp_path: Path) -> None:
    file = put(tmp_path, "inbox", mbox(1))
    file.chmod(0o400)
    before = file.stat()
    assert subjects(file) == ["1"]
    after = file.stat()
    assert (file.read_bytes(), after.st_mtime_ns) == (mbox(1), before.st_mtime_ns)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inbox"], "no lock is left"


def test_a_folder_gives_its_messages_in_the_order_of_their_names(tmp_path: Path) -> None:
    put(tmp_path, "b.eml", message(2))
    put(tmp_path, "a.EML", message(1))
    put(tmp_path, "c/d.txt", message(3))
    put(tmp_path, "c/inbox.mbox", mbox(4, 5))
    put(tmp_path, "d/17", message(6))
    put(tmp_path, "notes.pdf", b"%PDF")
    put(tmp_path, "outlook.msg", b"\xd0\xcf\x11\xe0")
    put(tmp_path, ".hidden.eml", b"")
    put(tmp_path, ".git/a.txt", b"")
    assert subjects(tmp_path) == ["1", "2", "3", "4", "5", "6"]


def test_a_maildir_gives_new_mail_then_old(tmp_path: Path) -> None:
    box = maildir(tmp_path / "box", new=(3, 4), cur=(1, 2))
    put(box, "tmp/half-written", b"")
    put(box, "dovecot-uidlist", b"3 V1\n")
    put(box, "cur/.lock", b"")
    assert subjects(box) == ["3", "4", "1", "2"]


def test_a_maildir_with_sub_folders_gives_them_too(tmp_path: Path) -> None:
    box = maildir(tmp_path / "box", new=(1,))
    maildir(box / ".Sent", cur=(2,))
    put(box, ".cache/file", b"")
    assert subjects(box) == ["1", "2"]


def test_a_folder_of_maildirs_gives_each(tmp_path: Path) -> None:
    maildir(tmp_path / "anna", new=(1,))
    maildir(tmp_path / "bert", cur=(2,))
    assert subjects(tmp_path) == ["1", "2"]


def test_a_link_that_leads_back_up_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "a.eml", message(1))
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert subjects(tmp_path) == ["1"]


def test_standard_input_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.sys, "stdin", io.TextIOWrapper(io.BytesIO(message(1))))
    assert list(stored_mails("-")) == [StoredMail("-", message(1))]


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePath, match=rf"^{tmp_path}/gone: no such file or directory$"):
        list(stored_mails(str(tmp_path / "gone")))


@pytest.mark.parametrize("make", [Path.mkdir, maildir])
def test_a_folder_without_messages(tmp_path: Path, make: object) -> None:
    make(tmp_path / "empty")  # type: ignore[operator]  # one of the two above
    with pytest.raises(UnreadablePath, match=rf"^{tmp_path}/empty: no messages in this folder$"):
        list(stored_mails(str(tmp_path / "empty")))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a.eml", message(1)).chmod(0)
    with pytest.raises(UnreadablePath, match=rf"^{tmp_path}/a.eml: permission denied$"):
        list(stored_mails(str(tmp_path)))


def test_a_dangling_link_in_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.eml").symlink_to("nowhere")
    with pytest.raises(UnreadablePath, match=rf"^{tmp_path}/a.eml: no such file or directory$"):
        list(stored_mails(str(tmp_path)))
