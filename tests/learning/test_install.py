"""A model is put into its place whole, the one before is kept, and can be brought back."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mailtriage.classifier.store import ModelError, load_model, model_bytes
from mailtriage.learning.install import (
    InstallError,
    install,
    previous_of,
    roll_back,
    where_wrong,
)
from tests.classifier.tiny import tiny

OLD, NEW, NEXT = (model_bytes(tiny(degrees)) for degrees in (1.0, 2.0, 3.0))

BUSY = """
import sys
from pathlib import Path
from mailtriage.learning.install import install, roll_back
file, one, two = map(Path, sys.argv[1:])
contents = one.read_bytes(), two.read_bytes()
print("busy", flush=True)
while True:
    install(contents[0], file)
    install(contents[1], file)
    roll_back(file)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "lib"
    folder.mkdir()
    return folder / "model.npz"


def names(file: Path) -> set[str]:
    return {entry.name for entry in file.parent.iterdir()}


def test_the_first_one_has_none_before_it(file: Path) -> None:
    assert install(NEW, file) is False
    assert names(file) == {"model.npz"}


def test_the_one_before_is_kept_and_only_that_one(file: Path) -> None:
    for content in (OLD, NEW, NEXT):
        install(content, file)
    assert file.read_bytes() == NEXT
    assert previous_of(file).read_bytes() == NEW
    assert names(file) == {"model.npz", "model.npz.previous"}


def test_rolling_back_twice_is_where_it_began(file: Path) -> None:
    install(OLD, file)
    install(NEW, file)
    roll_back(file)
    assert (file.read_bytes(), previous_of(file).read_bytes()) == (OLD, NEW)
    roll_back(file)
    assert (file.read_bytes(), previous_of(file).read_bytes()) == (NEW, OLD)


def test_there_is_nothing_to_roll_back_to(file: Path) -> None:
    install(OLD, file)
    with pytest.raises(InstallError, match="no earlier model"):
        roll_back(file)
    assert file.read_bytes() == OLD


def test_a_broken_one_is_not_brought_back(file: Path) -> None:
    install(OLD, file)
    previous_of(file).write_bytes(b"cut short")
    with pytest.raises(ModelError):
        roll_back(file)
    assert file.read_bytes() == OLD


def test_a_removed_model_is_brought_back(file: Path) -> None:
    install(OLD, file)
    install(NEW, file)
    file.unlink()
    roll_back(file)
    assert names(file) == {"model.npz"}
    assert file.read_bytes() == OLD


def test_everybody_may_read_it_whatever_the_umask(file: Path) -> None:
    before = os.umask(0o077)
    try:
        install(OLD, file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_gives_it_to_the_owner_of_the_folder(file: Path) -> None:
    os.chown(file.parent, 4321, 1234)
    install(OLD, file)
    assert (file.stat().st_uid, file.stat().st_gid) == (4321, 1234)


def test_a_link_in_its_place_is_replaced_and_never_followed(file: Path, tmp_path: Path) -> None:
    """Root installs into a folder of the service, which might lay a link to anything there."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    for name in ("model.npz", ".model.npz.new", ".model.npz.kept"):
        (file.parent / name).symlink_to(precious)
    install(NEW, file)
    assert precious.read_text() == "mine"
    assert not file.is_symlink()
    assert file.read_bytes() == NEW


def test_a_full_disk_leaves_the_old_one(file: Path) -> None:
    """Files of this process may have a few bytes only: writing ends as it does on a full disk."""
    install(OLD, file)
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from mailtriage.learning.install import InstallError, install;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: install(b'x' * 10000, Path(sys.argv[1]))\n"
        "except InstallError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True)
    assert "cannot be written: file too large" in done.stdout
    assert file.read_bytes() == OLD
    assert names(file) == {"model.npz"}


def test_killed_at_any_moment_the_model_is_whole(file: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(OLD)
    two.write_bytes(NEW)
    install(OLD, file)
    for turn in range(12):
        command = [sys.executable, "-c", BUSY, file, one, two]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as busy:
            assert busy.stdout is not None
            busy.stdout.readline()
            time.sleep(0.002 + 0.0037 * turn)
            busy.kill()
        assert busy.returncode == -9
        assert file.read_bytes() in (OLD, NEW)
        load_model(file)
    install(NEXT, file)
    assert file.read_bytes() == NEXT
    assert names(file) == {"model.npz", "model.npz.previous"}


def test_two_at_once_take_turns(file: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(OLD)
    two.write_bytes(NEW)
    command = [sys.executable, "-c", BUSY, file, one, two]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    for busy in both:
        assert busy.stdout is not None
        busy.stdout.readline()
    time.sleep(0.3)
    for busy in both:
        assert busy.poll() is None, "neither fell over what the other left"
        busy.kill()
        busy.communicate()
    load_model(file)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    assert "there is no such folder" in where_wrong(tmp_path / "nowhere" / "model.npz")
    assert "is a folder" in where_wrong(tmp_path)
    assert where_wrong(tmp_path / "model.npz") == ""
    with pytest.raises(InstallError, match="no such file"):
        install(NEW, tmp_path / "nowhere" / "model.npz")
