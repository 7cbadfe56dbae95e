"""One private Postfix with mailtriage behind it, for all end-to-end tests."""

from collections.abc import Iterator

import pytest

from tests.support.mta import Mta, running_mta
from tests.support.postfix import why_not
from tests.support.serve import Service


@pytest.fixture(scope="session")
def mta() -> Iterator[Mta]:
    """The private Postfix."""
    if reason := why_not():
        pytest.skip(reason)
    with running_mta() as running:
        yield running


@pytest.fixture(scope="session")
def service(mta: Mta) -> Iterator[Service]:
    """mailtriage at `milter.sock`, with two workers. Leave it running."""
    toml = f"""
        [milter]
        listen = "unix:{mta.directory}/milter.sock"
        socket_group = "postfix"
        workers = 2
    """
    with Service(mta.directory, toml) as running:
        yield running


@pytest.fixture(autouse=True)
def logs_of_failures(request: pytest.FixtureRequest) -> Iterator[None]:
    """What Postfix and mailtriage logged during a test that failed is shown with it."""
    if "mta" not in request.fixturenames:
        yield
        return
    mta: Mta = request.getfixturevalue("mta")
    files = (mta.postfix.log_file, mta.directory / "stderr.log")
    before = {file: file.stat().st_size if file.exists() else 0 for file in files}
    failed = request.session.testsfailed
    yield
    # A failure is counted before the fixtures are torn down.
    if request.session.testsfailed > failed:
        for file, offset in before.items():
            lines = file.read_bytes()[offset:].decode(errors="replace").splitlines()
            print(f"--- {file.name}", *lines[-60:], sep="\n")


@pytest.fixture
def postfix_is_content(mta: Mta) -> Iterator[None]:
    """Fails a test during which Postfix warned of a milter: the mails may have arrived all the same."""
    offset = len(mta.postfix.log())
    yield
    assert not [line for line in mta.postfix.log()[offset:].splitlines() if ".sock: " in line]
