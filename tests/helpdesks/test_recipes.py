"""The pages that administrators copy from: what stands in them is accepted, is there, and is in order.

Every page of config/helpdesks/, and docs/helpdesks.md.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest

from mailtriage.config.facts import placeholders
from mailtriage.config.profile_file import read_profile, shipped_profile
from mailtriage.policies.load import load_policies
from mailtriage.service import load as service_load
from mailtriage.service.load import read_everything
from mailtriage.tags.vocabulary import NAMES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "helpdesks.md"
RECIPES = sorted((ROOT / "config" / "helpdesks").glob("*/README.md"))
PAGES = [*RECIPES, DOCUMENT]

SECTIONS = ["Set up", "Other ways", "Does it work?", "Answers", "What was tested"]
"""In this order; "Other ways" only where there are any."""
LONGEST = 64
WIDEST = 100

OWN_WAY = {"otrs"}
"""Pages that say what differs from another one, and no more."""

FOREIGN = {
    "RT_SiteConfig.pm",
    "email_channel_finder.rb",
    "mail_presenter.rb",
    "mail_thread.py",
    "manage.py",
    "message_id_service.rb",
    "odoo-mailgate.py",
    "otrs.Console.pl",
    "rdm-mailhandler.rb",
    "receiver.rb",
    "schema.py",
    "service_desk_handler.rb",
    "thank_you.md",
}
"""Files of the products, of which a page speaks."""

WARNED = {"glpi": ("answers to our acknowledgement may open second",)}
"""Of what `mailtriage check` warns where a page says why it is done all the same."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """ "zammad", or "docs/helpdesks.md"."""
    return page.parent.name if page.name == "README.md" else str(page.relative_to(ROOT))


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, also those that are indented below a step."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found[2], dedent(found[3]))
        for found in re.finditer(r"(?ms)^( *)```(\w*)\n(.*?)^\1```$", text)
    ]


def is_profile(block: Block) -> bool:
    """Whether it is a profile.toml, and no part of mailtriage.toml."""
    return block.text.startswith("title =")


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
TOML = [block for block in BLOCKS if block.language == "toml"]
SETTINGS = [block for block in TOML if not is_profile(block)]
FILES = [block for block in TOML if is_profile(block)]
SERVICES = [block for block in BLOCKS if re.search(r"(?m)^\S+ +(?:unix|inet) ", block.text)]
PIPES = [block for block in SERVICES if " pipe " in " ".join(block.text.split())]

each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)
each_recipe = pytest.mark.parametrize("page", RECIPES, ids=name_of)


@pytest.fixture(scope="module")
def policies_read_once() -> Iterator[None]:
    """All of these files have the shipped policies, which take longer to read than they do."""
    read = cache(lambda folders, disabled: load_policies(folders, disable=disabled))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            service_load,
            "load_policies",
            lambda folders, *, disable=(): read(tuple(folders), tuple(disable)),
        )
        yield


@pytest.mark.usefixtures("policies_read_once")
@pytest.mark.parametrize("block", SETTINGS, ids=str)
def test_mailtriage_check_accepts_the_lines_for_mailtriage_toml(
    block: Block, tmp_path: Path
) -> None:
    assert re.search(r"(?m)^\[(?:mailboxes|profiles)\.", block.text)
    own = tmp_path / "ours.toml"
    for profile in filter(is_profile, blocks_of(block.page)):
        own.write_text(profile.text, encoding="utf-8")
    file = tmp_path / "mailtriage.toml"
    trusted = '[authentication]\ntrusted_authserv_ids = ["mx.desk.example"]\n'
    text = block.text.replace("/etc/mailtriage/ours.toml", str(own))
    file.write_text(trusted + text, encoding="utf-8")
    expected = WARNED.get(name_of(block.page), ())
    for problem in read_everything([file]).problems:
        assert any(word in str(problem) for word in expected), problem


@pytest.mark.parametrize("block", FILES, ids=str)
def test_a_profile_file_can_be_read(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(block.text, encoding="utf-8")
    assert read_profile("ours", file).emits


@each_recipe
def test_the_recipe_names_its_own_profile(page: Path) -> None:
    """And no address twice: what mail is routed to is an address of the mailbox anyway."""
    for block in SETTINGS:
        if block.page == page:
            assert set(re.findall(r'(?m)^(?:profile|base) = "(.*)"', block.text)) == {name_of(page)}
            assert "aliases" not in block.text


def administered(block: Block, place: Path) -> list[str]:
    """The services of a block as the real postconf reads them from a master.cf of its own."""
    settings = [one.text for one in blocks_of(block.page) if re.match(r"\w+ = ", one.text)]
    main = ["compatibility_level = 3.6\n", *(text for text in settings if "inline:" in text)]
    (place / "main.cf").write_text("".join(main), encoding="utf-8")
    (place / "master.cf").write_text(block.text)
    done = subprocess.run(
        ["postconf", "-c", str(place), "-M"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.replace("\n    ", " ").splitlines()


@pytest.mark.skipif(not shutil.which("postconf"), reason="no Postfix here")
@pytest.mark.parametrize("block", SERVICES, ids=str)
def test_postfix_reads_the_lines_for_master_cf(block: Block, tmp_path: Path) -> None:
    (service,) = administered(block, tmp_path)
    name, kind, *_, command = service.split(maxsplit=7)
    assert block.text.split()[:2] == [name, kind]
    program, *arguments = command.split()
    assert " ".join(block.text.split()).endswith(" ".join((program, *arguments)))


@pytest.mark.parametrize("block", PIPES, ids=str)
def test_the_command_for_pipe_is_that_of_the_profile(block: Block) -> None:
    words = block.text.split()
    ours, gateway = words[: words.index("--")], words[words.index("--") + 1 :]
    found = re.search(r"--profile[= ](\S+)", " ".join(ours))
    profile = shipped_profile(found[1]) if found else None
    assert profile is not None
    assert "/usr/bin/mailtriage pipe" in " ".join(ours).removeprefix("argv=")
    assert Path(gateway[0]).name == Path(profile.pipe[0]).name
    known = {*profile.pipe[1:]}
    assert set(gateway[1:]) <= known
    if block.page != DOCUMENT:
        assert set(gateway[1:]) == known


@pytest.mark.parametrize("block", PIPES, ids=str)
def test_no_argument_begins_with_a_brace(block: Block) -> None:
    """Postfix takes the braces of such an argument away (pipe(8), argv)."""
    words = block.text.split()
    assert any(placeholders(word) for word in words)
    assert not [word for word in words if word.startswith("{")]


@pytest.mark.skipif(not shutil.which("postmap"), reason="no Postfix here")
@each_recipe
def test_postfix_finds_addresses_in_the_tables_for_main_cf(page: Path) -> None:
    text = " ".join(page.read_text(encoding="utf-8").split())
    for table in re.findall(r"inline:\{(?: \{ [^{}]+ \},?)+ \}", text):
        pairs = re.findall(r"\{ (\S+) = (\S+) \}", table)
        assert pairs
        for address, target in pairs:
            done = subprocess.run(
                ["postmap", "-q", address, table], capture_output=True, text=True, check=True
            )
            assert done.stdout.strip() == target


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        place, _, anchor = target.partition("#")
        if place.startswith("https:"):
            continue
        file = (page.parent / place).resolve() if place else page
        assert file.is_file(), target
        if anchor:
            titles = re.findall(r"(?m)^#+ (.*)$", file.read_text(encoding="utf-8"))
            slugs = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]
            assert anchor in slugs, target


@each_page
def test_every_file_that_is_named_is_there(page: Path) -> None:
    """In the repository, beside a page, or one of the product's."""
    text = re.sub(r"\[[^]]*\]\(\S+\)", "", page.read_text(encoding="utf-8"))  # links: see above
    ours = {file.name for recipe in RECIPES for file in recipe.parent.iterdir()}
    names = re.findall(r"[\w./-]*\w\.(?:pl|rb|py|sh|ps1|xml|sieve|pm|txt|md)\b", text)
    for name in names:
        assert (ROOT / name).is_file() or Path(name).name in ours | FOREIGN, name


def beside(page: Path) -> set[str]:
    """The files that lie beside a page."""
    return {file.name for file in page.parent.iterdir() if file.is_file()}


@each_recipe
def test_every_file_beside_a_page_is_named_in_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in beside(page) - {"README.md", "profile.toml"}:
        assert name in text


def test_the_document_names_only_headers_that_are_sent() -> None:
    """Of the recipes test_profiles.py says so."""
    named = set(re.findall(r"X-Mailtriage(?:-[A-Za-z]+)*", DOCUMENT.read_text(encoding="utf-8")))
    assert named
    assert named <= set(NAMES)


@each_recipe
def test_every_page_has_the_same_sections_in_the_same_order(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    titles = [line.removeprefix("## ") for line in lines if line.startswith("##")]
    if name_of(page) in OWN_WAY:
        assert titles == ["What was tested"]
    else:
        assert titles in (SECTIONS, [title for title in SECTIONS if title != "Other ways"])


@each_recipe
def test_every_page_is_one_page(page: Path) -> None:
    """A line of a block may be wider where it is one word that cannot be cut."""
    text = page.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    prose = re.sub(r"(?ms)^ *```.*?^ *```$", "", text)
    assert [line for line in prose.splitlines() if len(line) > WIDEST] == []
