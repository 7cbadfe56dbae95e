"""What holds for all tests: the longest begins first, so that no process waits for another's end."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests that are marked `long` to the front; the order of all others stays."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
