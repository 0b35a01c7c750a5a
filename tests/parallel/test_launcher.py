"""What a run with `--num_cpu` returns: the exit code of its workers, not of mpiexec."""

import signal
import sys

import pytest

from baselines_her.parallel import launcher

MPIEXEC = """
import os, sys
from pathlib import Path

from baselines_her.parallel.launcher import REPORTS, report_end

{reports}
os._exit({code})
"""


@pytest.fixture
def relaunched(monkeypatch, tmp_path):
    def relaunch(reports, code):
        script = tmp_path / "mpiexec.py"
        script.write_text(MPIEXEC.format(reports=reports, code=code))
        monkeypatch.setattr(
            launcher, "find_mpiexec", lambda: [sys.executable, str(script)]
        )
        return launcher.relaunch("baselines_her.run", [], 2)

    return relaunch


def test_a_workers_code_counts_more_than_the_signal_that_ended_the_others(relaunched):
    assert relaunched("report_end(1, 3)", int(signal.SIGKILL)) == 3


def test_a_worker_that_was_ended_while_it_wrote_its_code_has_failed(relaunched):
    assert relaunched('(Path(os.environ[REPORTS]) / "0").touch()', 5) == 1


@pytest.mark.parametrize("code", [0, int(signal.SIGKILL)])
def test_workers_that_end_without_a_word_are_named(relaunched, capfd, code):
    assert relaunched("report_end(0)", code) == 1
    assert capfd.readouterr().err == "error: rank 1 ended before the run did\n"


def test_a_good_end_is_success(relaunched, capfd):
    assert relaunched("report_end(0), report_end(1)", 0) == 0
    assert capfd.readouterr().err == ""


def test_other_codes_of_mpiexec_are_returned(relaunched):
    assert relaunched("report_end(0)", 5) == 5
