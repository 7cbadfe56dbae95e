"""What the supervisor loads before it forks must not have started a thread: forks have only one."""

import os
import subprocess
import sys

LOAD_AND_COUNT = """
from pathlib import Path
from mailtriage.service.load import read_everything

everything = read_everything([Path("/dev/null")])
assert everything.analyst().model is not None
status = Path("/proc/self/status").read_text()
print(status.partition("Threads:")[2].split()[0])
"""


def test_one_thread_after_everything_is_loaded() -> None:
    plain = {name: value for name, value in os.environ.items() if "THREADS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_COUNT],
        capture_output=True,
        text=True,
        env=plain,
        check=True,
    )
    assert done.stdout.strip() == "1"
