"""docs/add-a-skill.md: what it tells people to write does what it says."""

import re
import subprocess
from pathlib import Path

from tests.reference.conftest import ROOT
from tests.support.serve import PROGRAM

PAGE = (ROOT / "docs" / "add-a-skill.md").read_text(encoding="utf-8")


def test_the_policy_of_the_page_passes_its_tests_beside_the_shipped_ones(tmp_path: Path) -> None:
    policy, configuration = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    directory = tmp_path / "policies"
    directory.mkdir()
    (directory / "tours.toml").write_text(policy, encoding="utf-8")
    file = tmp_path / "mailtriage.toml"
    file.write_text(configuration.replace("/etc/mailtriage/policies", str(directory)))
    for command in (["check", "--quiet"], ["test"]):
        done = subprocess.run(
            [PROGRAM, "--config", file, *command],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
