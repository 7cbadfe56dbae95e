"""A shop's help pages in three languages and three formats, and the index of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.config.kb import Source
from mailtriage.knowledge.index_build import build_index
from mailtriage.knowledge.ingest import ingest
from mailtriage.knowledge.model import Document, Section
from mailtriage.knowledge.search import KnowledgeIndex, open_index

DATA = Path(__file__).resolve().parent / "data"
SHOP = DATA / "shop"

Index = Callable[..., KnowledgeIndex]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeIndex:
    """The index of the whole shop."""
    file = tmp_path_factory.mktemp("shop") / "kb.idx"
    read = ingest([Source(SHOP)])
    assert read.problems == []
    build_index(read.documents, file)
    return open_index(file)


@pytest.fixture
def index_of(tmp_path: Path) -> Index:
    """`index_of("en", "one text", "another")`: an index of these sections, kb-0, kb-1 ..."""

    def build(language: str, *texts: str, heading_weight: float = 2.0) -> KnowledgeIndex:
        sections = [
            Section(
                text=text.partition("|")[2] or text,
                heading=text.partition("|")[0] if "|" in text else "",
                id=f"kb-{number}",
                language=language,
                url="https://help.shop.example/page",
            )
            for number, text in enumerate(texts)
        ]
        file = tmp_path / "kb.idx"
        documents = [Document((section,)) for section in sections]
        build_index(documents, file, heading_weight=heading_weight)
        return open_index(file)

    return build
