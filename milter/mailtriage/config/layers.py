"""Several configuration files seen as one: later ones override earlier ones key by key."""

from collections.abc import Sequence
from typing import Any, Final

from mailtriage.toml_lines import KeyPath
from mailtriage.toml_source import Source

_MERGED_DEPTH: Final = 3
"""Tables are merged down to `[a.b.c]`; the configuration has none that lie deeper."""


class Layers(Source):
    """One merged source that knows which file each key came from."""

    def __init__(self, sources: Sequence[Source], nowhere: str) -> None:
        """Merge `sources`, the last one winning: tables key by key, all else as a whole.

        `nowhere` is the file that is named for what none of them says.
        """
        data: dict[str, Any] = {}
        self._origins: Final[dict[KeyPath, Source]] = {}
        for source in sources:
            self._merge(data, source, source.data, ())
        super().__init__(sources[0].file if sources else nowhere, data, "")

    def line(self, path: KeyPath) -> int:
        """Line of the key in the file that it came from."""
        return self.locate(path)[1]

    def locate(self, path: KeyPath) -> tuple[str, int]:
        """File and line of that key, or of the nearest parent that is known."""
        for length in range(len(path), 0, -1):
            origin = self._origins.get(path[:length])
            if origin is not None:
                return origin.locate(path)
        return self.file, 1

    def _merge(
        self, into: dict[str, Any], source: Source, data: dict[str, Any], path: KeyPath
    ) -> None:
        for key, value in data.items():
            below = (*path, key)
            self._origins[below] = source
            if isinstance(value, dict) and len(below) <= _MERGED_DEPTH:
                earlier = into.get(key)
                into[key] = earlier if isinstance(earlier, dict) else {}
                self._merge(into[key], source, value, below)
            else:
                into[key] = value
