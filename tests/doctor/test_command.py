"""The command where there is no Postfix to be asked, and where the configuration is wrong."""

import io
import json
from pathlib import Path

from click.testing import CliRunner
from rich.console import Console

from mailtriage.cli_doctor import doctor
from mailtriage.commands.doctor import _print
from mailtriage.doctor.model import Finding


def test_a_directory_without_a_main_cf_is_one_finding_and_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "mailtriage.toml"
    file.write_text(f"[milter]\nlisten = 'unix:{tmp_path}/none.sock'\n")
    done = CliRunner().invoke(doctor, ["--json", "--postfix-config", str(tmp_path)], obj=[file])
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert {row["id"] for row in rows} - {"clock", "disk"} == {"postfix-config", "milter-down"}
    assert done.exit_code == 1


def test_a_wrong_configuration_is_said_as_check_says_it(tmp_path: Path) -> None:
    file = tmp_path / "mailtriage.toml"
    file.write_text("[milter]\nlisen = 'unix:/m'\n")
    done = CliRunner().invoke(doctor, [], obj=[file])
    assert done.exit_code == 1
    assert done.output.startswith(f"error: configuration: {file}:2: milter.lisen: ")
    assert f"    mailtriage --config {file} check\n" in done.output


def test_a_directory_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    done = CliRunner().invoke(doctor, ["--postfix-config", str(tmp_path / "none")], obj=[])
    assert done.exit_code == 2


def test_what_is_told_for_information_leaves_all_fine() -> None:
    console = Console(file=io.StringIO(), width=200)
    _print(console, [Finding("dry-run", "info", "a dry run", "why", "# take it out")], ())
    assert isinstance(console.file, io.StringIO)
    first, *_, last = console.file.getvalue().splitlines()
    assert first == "info: dry-run: a dry run"
    assert last.startswith("fine: ")
