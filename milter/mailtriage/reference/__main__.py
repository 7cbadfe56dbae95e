"""python -m mailtriage.reference: write man/ and config/schema/ of this checkout."""

import sys

from mailtriage.reference.files import CHECKOUT, build


def main() -> int:
    """Write every file that differs; names each. Returns the exit code."""
    if not (CHECKOUT / "pyproject.toml").is_file():
        sys.stderr.write("mailtriage.reference: to be run in a source checkout\n")
        return 2
    for place, content in build().items():
        file = CHECKOUT / place
        if file.is_file() and file.read_text(encoding="utf-8") == content:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
        sys.stdout.write(f"{place}\n")
    return 0


sys.exit(main())
