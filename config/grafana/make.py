# ruff: noqa: INP001  a directory of scripts
"""Writes helpdesk.json and engine.json: `python config/grafana/make.py [FOLDER]`.

The dashboards are data, and these scripts are where they are edited: helpdesk.py and engine.py say
what is shown, parts.py how a panel is written. tests/service/test_grafana.py holds the two files to
them.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Write both files, here or into the directory that is named."""
    # What lies here is installed, and setuptools fails at a __pycache__.
    sys.dont_write_bytecode = True
    from engine import ENGINE
    from helpdesk import HELPDESK
    from parts import dashboard

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for name, description, rows in (
        ("helpdesk", "What customers write, and whether they are answered.", HELPDESK),
        ("engine", "How the service that tags and acknowledges mail fares.", ENGINE),
    ):
        made = dashboard(
            f"mailtriage-{name}", f"mailtriage: {name.capitalize()}", description, rows
        )
        text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
