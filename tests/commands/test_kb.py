"""mailtriage kb: what an administrator sees and can do."""

import json
from pathlib import Path

import pytest

from mailtriage.knowledge.search import open_index
from tests.commands.conftest import Call, Write
from tests.support.web_site import running_web_site

DATA = Path(__file__).resolve().parents[1] / "knowledge" / "data"
SHOP, QUESTIONS = DATA / "shop", DATA / "questions.csv"
MAIL = """\
From: Ann <ann@customer.example>
To: help@shop.example
Subject: Delivery
Content-Type: text/plain; charset="utf-8"

Hello,

what are your delivery costs?

> What is the warranty of the kettle?
"""


@pytest.fixture
def config(write: Write, tmp_path: Path) -> Path:
    """A configuration whose knowledge base is the shop's."""
    return write(
        "mailtriage.toml",
        f'[kb]\nindex = "{tmp_path}/kb.idx"\npages = "{tmp_path}/pages"\nsources = ["{SHOP}"]\n',
    )


@pytest.fixture
def built(call: Call, config: Path) -> Path:
    """The same, with its index made."""
    assert call("--config", config, "kb", "build").code == 0
    return config


def test_build_says_what_it_made(call: Call, config: Path, tmp_path: Path) -> None:
    done = call("--config", config, "kb", "build")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{tmp_path}/kb.idx: 24 sections (de 7, en 11, sv 6), ")
    assert open_index(tmp_path / "kb.idx").sections == 24


def test_build_of_named_sources_into_another_file(
    call: Call, config: Path, write: Write, tmp_path: Path
) -> None:
    write("help/faq.md", "# Gift vouchers\n\nThey are valid for three years.")
    done = call("--config", config, "kb", "build", "help=https://h.example/", "--output", "my.idx")
    assert done.code == 0
    assert not (tmp_path / "kb.idx").exists()
    found = call("kb", "find", "How long are gift vouchers valid?", "--index", "my.idx")
    assert "https://h.example/faq#gift-vouchers:~:text=They%20are%20valid%20for" in found.out


def test_a_section_without_an_address_is_told(call: Call, config: Path, write: Write) -> None:
    write("faq.md", "# Gift vouchers\n\nThey are valid for three years.")
    done = call("--config", config, "kb", "build", "faq.md")
    assert "1 sections have no address" in done.out


@pytest.mark.parametrize(
    ("sources", "what"),
    [
        (["none"], "none: no such file"),
        (["empty"], "no section was found"),
        (["twice.csv"], "twice.csv:3: the id kb-7 is that of twice.csv:2 too"),
    ],
)
def test_a_build_that_fails_leaves_the_old_index(
    call: Call, built: Path, write: Write, tmp_path: Path, sources: list[str], what: str
) -> None:
    (tmp_path / "empty").mkdir()
    write("twice.csv", "id,question,answer,language\n7,a,b,en\n7,c,d,en\n")
    before = (tmp_path / "kb.idx").read_bytes()
    done = call("--config", built, "kb", "build", *sources)
    assert done.code == 1
    assert what in done.err
    assert (tmp_path / "kb.idx").read_bytes() == before


def test_build_without_sources_is_a_wrong_call(call: Call, defaults: Path) -> None:
    done = call("--config", defaults, "kb", "build")
    assert done.code == 2
    assert "kb.sources" in done.err


def test_find_a_text(call: Call, built: Path) -> None:
    done = call("--config", built, "kb", "find", "Hello, what are your delivery costs? Ann")
    assert done.code == 0
    first, link, quote, *_ = done.out.splitlines()
    assert first.split()[0].startswith("kb-delivery-costs-")
    assert link == (
        "https://help.shop.example/en/delivery#delivery-costs:~:text="
        "Delivery%20is%20free%20from,express%209.90%20euros."
    )
    assert quote.startswith("“Delivery is free from 40 euros.")


def test_find_reads_the_newest_text_of_a_mail(call: Call, built: Path, write: Write) -> None:
    write("a.eml", MAIL.replace("\n", "\r\n"))
    done = call("--config", built, "kb", "find", "a.eml", "--json")
    found = json.loads(done.out)
    assert (done.code, found["language"]) == (0, "en")
    assert found["found"]["heading"] == "Delivery costs"


@pytest.mark.parametrize("text", ["Do you have a branch in Lisbon?", "Bonjour, où est mon colis ?"])
def test_find_nothing(call: Call, built: Path, text: str) -> None:
    done = call("--config", built, "kb", "find", text)
    assert done.code == 1
    assert done.out.startswith("nothing")


def test_find_names_what_is_missing(call: Call, config: Path) -> None:
    assert "mailtriage kb build" in call("--config", config, "kb", "find", "x").err
    assert call("--config", config, "kb", "find", "none.eml").code == 1


def test_test_shows_precision_and_coverage(call: Call, built: Path) -> None:
    done = call("--config", built, "kb", "test", QUESTIONS)
    assert done.code == 0
    assert "11 questions, 9 with an answer; best section right: 8" in done.out
    (line,) = [one for one in done.out.splitlines() if "kb.threshold" in one]
    threshold, precision, coverage, said, wrong, *_ = line.split()
    assert (threshold, precision, wrong) == ("0.30", "1.00", "0")
    assert float(coverage) > 0.3
    assert int(said) >= 4
    assert "2: silent, " in done.out  # and what it would have said
    assert "When the refund arrives" in done.out


def test_test_fails_where_too_much_is_wrong(call: Call, built: Path, write: Write) -> None:
    write("q.csv", "question;answer\nWhat are the delivery costs?;Your account\n")
    done = call("--config", built, "kb", "test", "q.csv")
    assert done.code == 1
    assert "2: WRONG" in done.out


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "question,answer\n", b"\xff\xfe"])
def test_a_file_that_holds_no_questions_is_told(
    call: Call, built: Path, write: Write, text: str | bytes
) -> None:
    done = call("--config", built, "kb", "test", write("q.csv", text))
    assert done.code == 1
    assert "q.csv" in done.err


def test_fetch_then_build(call: Call, write: Write, tmp_path: Path) -> None:
    with running_web_site() as site:
        site.pages["/faq"] = "<html lang=en><h1 id=v>Gift vouchers</h1><p>Valid for three years."
        site.pages["/sitemap.xml"] = site.sitemap("/faq", "http://other.example/")
        config = write(
            "mailtriage.toml",
            f'[kb]\nindex = "{tmp_path}/kb.idx"\npages = "{tmp_path}/pages"\npause = "0s"\n'
            f'sitemaps = ["{site.address}/sitemap.xml"]\nprivate_hosts = true\n',
        )
        done = call("--config", config, "kb", "fetch")
        assert done.code == 1
        assert "other.example:80 is not in kb.hosts" in done.err
        assert "1 new, 0 unchanged, 0 removed" in done.out
        assert call("--config", config, "kb", "build").code == 0
        found = call("--config", config, "kb", "find", "Are gift vouchers valid for long?")
        assert f"{site.address}/faq#v" in found.out


def test_fetch_without_a_sitemap_is_told(call: Call, config: Path) -> None:
    done = call("--config", config, "kb", "fetch")
    assert done.code == 1
    assert "kb.sitemaps" in done.err


def test_escape_sequences_of_a_page_do_not_reach_the_terminal(
    call: Call, config: Path, write: Write
) -> None:
    write("faq.md", "# Vouchers \x1b[31m\n\nThey \x1b]0;x\x07 are valid for three years.")
    call("--config", config, "kb", "build", "faq.md")
    done = call("--config", config, "kb", "find", "vouchers valid years", "--language", "en")
    assert "\x1b" not in done.out
    assert "Vouchers" in done.out
