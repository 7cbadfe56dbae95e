"""Sources to documents: every format, what each says, and what is left out and why."""

import io
import json
from pathlib import Path

import pytest

from mailtriage.config.kb import Source, parse_source
from mailtriage.knowledge.ingest import Ingested, ingest, unstemmed
from mailtriage.knowledge.ingest_folder import address_of
from mailtriage.knowledge.model import KnowledgeError, Section


def read(path: Path, url: str = "", language: str = "") -> Ingested:
    """One source."""
    return ingest([Source(path, url)], language=language)


def sections(done: Ingested) -> list[Section]:
    """Those of all documents."""
    return [section for document in done.documents for section in document.sections]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """A file below a folder."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize(
    ("text", "path", "url"),
    [
        ("/srv/help", "/srv/help", ""),
        ("/srv/help=https://h.example/", "/srv/help", "https://h.example/"),
        ("a=b/c.md", "a=b/c.md", ""),
        ("a=b=http://h.example/?q=1", "a=b", "http://h.example/?q=1"),
    ],
)
def test_a_source_is_a_path_and_perhaps_an_address(text: str, path: str, url: str) -> None:
    assert parse_source(text) == Source(Path(path), url)


@pytest.mark.parametrize(
    ("file", "address"),
    [
        ("returns.md", "https://h.example/help/returns"),
        ("de/returns.html", "https://h.example/help/de/returns.html"),
        ("de/index.html", "https://h.example/help/de/"),
        ("README.md", "https://h.example/help/"),
        ("a b/ü.html", "https://h.example/help/a%20b/%C3%BC.html"),
        ("terms.pdf", "https://h.example/help/terms.pdf"),
    ],
)
def test_a_file_of_a_folder_has_an_address_below_that_of_the_folder(
    file: str, address: str
) -> None:
    assert address_of(Path(file), "https://h.example/help") == address


def test_a_folder_is_read_by_name_without_what_is_hidden(tmp_path: Path) -> None:
    write(tmp_path, "b.md", "# B\n\ntext of b")
    write(tmp_path, "a.html", "<h1>A</h1><p>text of a</p>")
    write(tmp_path, ".git/c.md", "# C\n\ntext")
    write(tmp_path, ".d.md", "# D\n\ntext")
    write(tmp_path, "e.txt", "text")
    done = read(tmp_path, language="en")
    assert [one.heading for one in sections(done)] == ["A", "B"]
    assert done.problems == []


@pytest.mark.parametrize(
    ("name", "content", "language"),
    [
        ("a.html", '<html lang="fi-FI"><p>text', "fi"),
        ("de/a.md", "text", "de"),
        ("a.sv.md", "text", "sv"),
        ("de/a.md", "---\nlanguage: nl\n---\ntext", "nl"),
        ("no/a.md", "text", "nb"),
        ("a.md", "Sie können alles innerhalb von dreißig Tagen zurückschicken.", "de"),
        ("a.md", "42", "und"),
    ],
)
def test_the_language_of_a_page(tmp_path: Path, name: str, content: str, language: str) -> None:
    write(tmp_path, name, content)
    assert [one.language for one in sections(read(tmp_path))] == [language]


def test_a_language_that_cannot_be_made_out_is_told(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "42")
    assert "cannot be made out" in read(tmp_path).problems[0]
    assert read(tmp_path, language="en").problems == []


def test_a_language_without_a_stemmer_is_told(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "---\nlanguage: hr\n---\ntext")
    assert unstemmed(read(tmp_path).documents) == ["hr"]


def test_drafts_and_pages_that_ask_not_to_be_found_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "---\ndraft: true\n---\ntext")
    write(tmp_path, "b.html", '<meta name="robots" content="noindex"><p>text</p>')
    done = read(tmp_path)
    assert sections(done) == []
    assert "noindex" in done.problems[0]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.md", b"caf\xe9", "not UTF-8"),
        ("a.pdf", b"%PDF-1.4 but no more", "no PDF"),
        ("a.csv", "x,y\n1,2\n", "must name the columns"),
        ("a.md", "---\nid: Not an id!\n---\ntext", "cannot be one"),
    ],
)
def test_one_file_that_cannot_be_read_does_not_hold_up_the_others(
    tmp_path: Path, name: str, content: str | bytes, what: str
) -> None:
    write(tmp_path, name, content)
    write(tmp_path, "z.md", "text")
    done = read(tmp_path, language="en")
    assert len(sections(done)) == 1
    assert len(done.problems) == 1
    assert what in done.problems[0]
    assert str(tmp_path / name) in done.problems[0]


def test_a_source_that_is_not_there_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="no such file"):
        read(tmp_path / "none")
    with pytest.raises(KnowledgeError, match="of no kind"):
        read(write(tmp_path, "a.docx", "x"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv(tmp_path: Path, delimiter: str) -> None:
    head = delimiter.join(("url", "title", "question", "answer", "language", "aliases"))
    row = delimiter.join(
        ("https://h.example/faq#r", "FAQ", "When?", '"On Monday.\nOr later."', "EN", '"a; b"')
    )
    file = write(tmp_path, "faq.csv", f"\ufeff{head}\n{row}\n")
    (section,) = sections(read(file))
    assert (section.url, section.anchor) == ("https://h.example/faq", "r")
    assert (section.heading, section.text) == ("When?", "On Monday.\nOr later.")
    assert (section.language, section.aliases) == ("en", ("a", "b"))
    assert section.origin == f"{file}:3"


def test_a_row_without_an_answer_is_left_out_and_named(tmp_path: Path) -> None:
    file = write(tmp_path, "faq.csv", "question,answer,url\nWhy?,,\nHow?,so,ftp://x\nWho?,we,\n")
    done = read(file, language="en")
    assert [one.heading for one in sections(done)] == ["Who?"]
    assert done.problems[0].startswith(f"{file}:2: no answer")
    assert done.problems[1].startswith(f"{file}:3: the url")


def test_json_lines(tmp_path: Path) -> None:
    lines = [
        {"id": 7, "url": "https://h.example/a", "heading": "H", "text": "T", "anchor": "x",
         "language": "de", "aliases": ["q; r"], "version": "3"},
        {"question": "Q", "answer": "A", "language": "en"},
        ["no", "object"],
        {"text": {"no": "text"}},
    ]  # fmt: skip
    text = "\n".join(map(json.dumps, lines)) + "\n{broken\n\n"
    done = read(write(tmp_path, "a.jsonl", text))
    first, second = sections(done)
    assert (first.id, first.anchor, first.aliases) == ("kb-7", "x", ("q, r",))
    assert (second.heading, second.text) == ("Q", "A")
    assert [problem.split(":")[1] for problem in done.problems] == ["3", "4", "5"]


def zammad() -> dict[str, object]:
    """What its API answers, in little: one answer that is published, and four that are not."""
    published = "2026-03-12T14:52:21.767Z"
    about = {"category_id": 2, "archived_at": None, "internal_at": None, "published_at": None}
    answers = {
        "1": {**about, "id": 1, "published_at": published},
        "2": {**about, "id": 2},
        "3": {**about, "id": 3, "internal_at": published},
        "4": {**about, "id": 4, "published_at": published, "archived_at": published},
        "5": {**about, "id": 5, "published_at": published},
    }
    translations = {
        f"1{number}": {"id": int(f"1{number}"), "answer_id": int(number), "kb_locale_id": 1,
                       "title": f"Answer Nº {number}", "content_id": int(f"2{number}"),
                       "updated_at": published}
        for number in answers
    }  # fmt: skip
    body = "<p>Refunds take five days.</p><h2>Banks</h2><p>They take longer.</p>"
    return {
        "KnowledgeBaseAnswer": answers,
        "KnowledgeBaseAnswerTranslation": translations,
        "KnowledgeBaseCategoryTranslation": {
            "9": {"id": 9, "title": "Money & more", "kb_locale_id": 1, "category_id": 2}
        },
        "KnowledgeBaseAnswerTranslationContent": {
            f"2{number}": {"id": int(f"2{number}"), "body": body} for number in "1234"
        },
    }


@pytest.mark.parametrize("wrap", [lambda kept: kept, lambda kept: {"id": 1, "assets": kept}])
def test_of_zammad_only_what_is_published(tmp_path: Path, wrap: object) -> None:
    assert callable(wrap)
    file = write(tmp_path, "zammad.json", json.dumps(wrap(zammad())))
    done = read(file, "https://support.example/help/en-us", language="en")
    first, second = sections(done)
    address = "https://support.example/help/en-us/2-money-more/1-answer-no-1"
    assert (first.id, first.url, first.heading) == ("kb-zammad-11", address, "Answer Nº 1")
    assert (second.id, second.heading) == ("kb-zammad-11-banks", "Banks")
    assert done.problems == [
        (
            f"{file}: 1 published answers without their text; ask again with"
            " answer_translation_content_ids"
        )
    ]


@pytest.mark.parametrize("text", ["[]", "{}", "{", '{"KnowledgeBaseAnswer": 1}', "[" * 100_000])
def test_json_that_is_no_zammad_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(KnowledgeError, match=r"no knowledge base of Zammad|not JSON"):
        read(write(tmp_path, "a.json", text))


def pdf(*pages: str) -> bytes:
    """A PDF with these pages of text."""
    pypdf = pytest.importorskip("pypdf")
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = pypdf.PdfWriter()
    for text in pages:
        page = writer.add_blank_page(300, 300)
        font = DictionaryObject({
            NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        })  # fmt: skip
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        shown = " T* ".join(f"({line}) Tj" for line in text.split("\n"))
        stream.set_data(f"BT /F1 12 Tf 14 TL 20 200 Td {shown} ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    stream_out = io.BytesIO()
    writer.write(stream_out)
    return stream_out.getvalue()


def test_a_pdf_has_a_section_a_page(tmp_path: Path) -> None:
    content = pdf("Terms of sale\nRefunds take five work-\ning days.", "", "Guarantee\nTwo years.")
    write(tmp_path, "terms.pdf", content)
    done = read(tmp_path, "https://h.example/", language="en")
    found = [(one.page, one.heading, one.text, one.url) for one in sections(done)]
    assert found == [
        (1, "Terms of sale", "Refunds take five working days.", "https://h.example/terms.pdf"),
        (3, "Guarantee", "Two years.", "https://h.example/terms.pdf"),
    ]


def test_a_scan_is_told(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="OCR"):
        read(write(tmp_path, "scan.pdf", pdf("")))


class TestIds:
    def test_they_do_not_depend_on_the_text(self, tmp_path: Path) -> None:
        file = write(tmp_path, "a.md", "# A\n\none\n\n## B\n\ntwo")
        before = [one.id for one in sections(read(file, "https://h.example/a", "en"))]
        write(tmp_path, "a.md", "# A\n\nsomething else\n\n## New\n\nx\n\n## B\n\ntwo and more")
        after = [one.id for one in sections(read(file, "https://h.example/a", "en"))]
        assert [before[0], before[1]] == [after[0], after[2]]
        assert before[1].startswith("kb-b-")

    def test_they_do_not_depend_on_where_the_files_lie(self, tmp_path: Path) -> None:
        found = set()
        for folder in ("x", "y"):
            file = write(tmp_path, f"{folder}/a.md", "# Ä\n\none")
            found |= {one.id for one in sections(read(file, "https://h.example/a", "en"))}
        assert len(found) == 1

    def test_a_heading_that_stands_twice_has_two(self, tmp_path: Path) -> None:
        file = write(tmp_path, "a.md", "# A\n\none\n\n# A\n\ntwo")
        assert len({one.id for one in sections(read(file, language="en"))}) == 2

    def test_one_of_a_page_is_continued_for_its_sections(self, tmp_path: Path) -> None:
        file = write(tmp_path, "a.md", "---\nid: 1042\n---\n# A\n\none\n\n## B c\n\ntwo")
        assert [one.id for one in sections(read(file, language="en"))] == ["kb-1042", "kb-1042-b-c"]

    def test_two_sections_of_one_id_are_refused_with_both_places(self, tmp_path: Path) -> None:
        file = write(tmp_path, "a.csv", "id,question,answer\n7,a,b\n8,c,d\n7,e,f\n")
        with pytest.raises(KnowledgeError) as refused:
            read(file, language="en")
        assert str(refused.value) == f"{file}:4: the id kb-7 is that of {file}:2 too"

    def test_the_same_page_in_two_files_is_refused(self, tmp_path: Path) -> None:
        for name in ("a.md", "b.md"):
            write(tmp_path, name, "---\nurl: https://h.example/a\n---\n# A\n\ntext")
        with pytest.raises(KnowledgeError, match=r"b\.md: A: .* is that of .*a\.md: A too"):
            read(tmp_path, language="en")
