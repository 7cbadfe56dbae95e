"""The shipped texts, and messages made of them."""

import dataclasses
from typing import Any

import pytest

from mailtriage.acks.compose import compose
from mailtriage.acks.templates import Texts, load_texts
from mailtriage.config import Config
from mailtriage.shipped import shipped_directory
from tests.support.orders import (
    BASE,
    NOW,
    ORDER,
    TOKENS,
    Make,
    read_config,
)


@pytest.fixture(scope="module")
def texts() -> Texts:
    return load_texts(shipped_directory("policies") / "acks")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return read_config(tmp_path_factory.mktemp("config"), BASE)


@pytest.fixture(scope="module")
def make(texts: Texts, config: Config) -> Make:
    """The message of `ORDER` with other values in it."""

    def make(**changes: Any) -> bytes:
        order = dataclasses.replace(ORDER, **changes)
        return compose(order, config, texts, TOKENS, NOW)

    return make
