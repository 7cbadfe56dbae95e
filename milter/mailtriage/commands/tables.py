"""Tables for people: without lines, and without a way for foreign words to steer the terminal."""

from rich.table import Table
from rich.text import Text

from mailtriage.commands.terminal import harmless


def table_of(*headings: str, texts: int = 1) -> Table:
    """An empty table; its first `texts` columns are words, the others numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, heading in enumerate(headings):
        if number < texts:
            table.add_column(heading, justify="left", overflow="fold")
        else:
            table.add_column(heading, justify="right", overflow="ellipsis")
    return table


def plain(text: str, *, bold: bool = False) -> Text:
    """Words that came from outside: no mark-up, no escape sequence."""
    return Text(harmless(text), style="bold" if bold else "")
