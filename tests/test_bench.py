"""The measurements of `bench/` still fit the package."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

OURS = Path(__file__).parents[1] / "bench" / "ours.py"


@pytest.mark.slow
def test_an_update_is_measured():
    command = [sys.executable, str(OURS), "update", "8", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ms"] > 0 and set(found["peak_gflops"]) == {"xla", "numpy"}
