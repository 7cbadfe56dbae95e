"""Every figure of docs/accuracy.md, one table after the other: `python -m tests.accuracy`."""

import argparse

from tests.accuracy import language, newest, taxonomy, triage

TABLES = {"newest": newest, "language": language, "triage": triage, "taxonomy": taxonomy}


def main() -> None:
    """Print all tables, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    options, others = parser.parse_known_args()
    unknown = set(options.tables) - TABLES.keys()
    if unknown:
        parser.error(f"there is no table {', '.join(sorted(unknown))}")
    for name in options.tables or TABLES:
        print(f"== {name}\n")
        TABLES[name].main(others)
        print()


if __name__ == "__main__":
    main()
