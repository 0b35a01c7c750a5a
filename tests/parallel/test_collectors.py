"""Collecting processes: the same bits, and no quiet failures."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from os import _exit as leave

import numpy as np
import pytest
from conftest import run
from learners import CYCLE, Recording, collectors, loop_on
from point_env import PointEnv

import baselines_her
from baselines_her.acting.exploration import Explorer
from baselines_her.envs.make import env_factory
from baselines_her.parallel import patience
from baselines_her.parallel.collectors import PlayerProcess
from baselines_her.runs.policy_file import read_policy
from baselines_her.seeding import TRAINING, stream
from baselines_her.types import Start


class Steady:
    def start(self, rng):
        return lambda obs, achieved, goal: rng.uniform(-1, 1, 2).astype(np.float32)


def seeds(n):
    return [Start(stream(0, TRAINING, n=k)) for k in range(n)]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_episodes_do_not_depend_on_the_number_of_processes(point_spec, n):
    with collectors(point_spec, 0) as none, collectors(point_spec, n) as some:
        expected = none.collect(Steady(), seeds(7))
        pending = [some.submit(Steady(), seeds(k)) for k in (7, 1)]
        for found in (some.collect(Steady(), seeds(7)), pending[0].result()):
            for one, other in zip(expected, found):
                np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(pending[1].result().obs[0], expected.obs[0])


def arrays_of(folder, **flags):
    result = baselines_her.train(
        "FetchReach",
        log_path=str(folder),
        quiet=True,
        num_timesteps=1_000,
        n_test_rollouts=3,
        **{**CYCLE, "hidden": 256},
        **flags,
    )
    return read_policy(result.log_path / "policy_latest.pkl").arrays


def test_trainings_do_not_depend_on_the_number_of_processes(tmp_path, eagerly):
    expected = arrays_of(tmp_path / "none", collectors=0)
    for n in (1, 2):
        for name, array in arrays_of(tmp_path / str(n), collectors=n).items():
            np.testing.assert_array_equal(array, expected[name], err_msg=name)


@pytest.mark.parametrize(("pipelined", "lag"), [(False, 0), (True, 1)])
def test_the_policy_lags_by_one_cycle_when_pipelined(
    point_spec, pipelined, lag, eagerly
):
    from baselines_her.algorithms.her import HER

    with collectors(point_spec, 0) as inner:
        recording = Recording(inner)
        loop = loop_on(recording, point_spec, HER, pipelined=pipelined)
        learner = loop.learner
        place = np.ones(3, np.float32), np.ones(2, np.float32), np.ones(2, np.float32)
        after_cycle = [learner.policy().act(*place)]
        for _ in range(4):
            loop.iterate()
            after_cycle.append(learner.policy().act(*place))
    assert len({action.tobytes() for action in after_cycle}) == 5
    # the actor that collects cycle n was made after cycle n - 1 - lag
    for n, actor in enumerate(recording.actors[: 4 + lag]):
        assert isinstance(actor, Explorer)
        expected = after_cycle[max(0, n - lag)]
        np.testing.assert_array_equal(actor.policy.act(*place), expected)


def test_the_first_episodes_are_random(point_spec, eagerly):
    """Cycles begin after 0, 5, 10, ... episodes."""
    from baselines_her.algorithms.her import HER

    with collectors(point_spec, 0) as inner:
        recording = Recording(inner)
        loop = loop_on(
            recording, point_spec, HER, random_steps=5 * point_spec.horizon + 1
        )
        for _ in range(4):
            loop.iterate()
    shares = [actor.random_eps for actor in recording.actors]
    assert shares == [1.0, 1.0, 0.3, 0.3, 0.3]


def test_a_cycle_is_whole_once_everything_is_counted(point_spec, eagerly):
    from baselines_her.algorithms.her import HER

    counts = []

    @contextlib.contextmanager
    def critical():
        """A checkpoint may be taken right before the section and right after it."""
        counts.append(her.state()[1])
        yield
        counts.append(her.state()[1])

    with collectors(point_spec, 0) as inner:
        her = loop_on(inner, point_spec, HER)
        her._critical = critical
        her.iterate()
    assert [count["n_updates"] for count in counts] == [0, CYCLE["n_batches"]]
    assert [count["n_cycles"] for count in counts] == [0, 1]
    assert [count["flights"] for count in counts] == [[0], [5]]


class Raises(PointEnv):
    def step(self, action):
        raise ZeroDivisionError("the simulator broke")


class Dies(PointEnv):
    def step(self, action):
        os.kill(os.getpid(), signal.SIGKILL)


class Exits(PointEnv):
    def step(self, action):
        leave(3)  # as compiled code would


class Hangs(PointEnv):
    def step(self, action):
        time.sleep(60)


class Prints(PointEnv):
    def step(self, action):
        print("noise on standard output")
        return super().step(action)


@pytest.mark.parametrize(
    ("env_class", "message"),
    [
        (Dies, "a player ended with signal 9"),
        (Exits, "a player ended with exit code 3"),
        (Hangs, "a player must answer within 3 s"),
    ],
)
def test_a_failing_collector_ends_the_run(point_spec, env_class, message):
    started = time.monotonic()
    timeout = 3.0 if env_class is Hangs else 60.0
    with collectors(point_spec, 2, env_class, timeout) as some:
        processes = [player._process for player in some._players]
        pending = some.submit(Steady(), seeds(4))
        with pytest.raises(RuntimeError, match=message):
            pending.result()
    assert time.monotonic() - started < 10
    assert all(process.poll() is not None for process in processes)


class Leaves(PointEnv):
    def step(self, action):
        sys.exit(0)


class LeavesAtOnce(PointEnv):
    def step(self, action):
        os._exit(0)


class Ends(PointEnv):
    def step(self, action):
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, self.steps == 3, truncated, info


class MovesGoal(PointEnv):
    def step(self, action):
        self.goal = self.goal + 1.0
        return super().step(action)


class Explodes(PointEnv):
    def compute_reward(self, achieved_goal, desired_goal, info):
        return np.inf


class Silent(PointEnv):
    def step(self, action):
        *result, _ = super().step(action)
        return *result, {}


@pytest.mark.parametrize(
    ("env_class", "words"),
    [
        (Leaves, "must not end the process, found SystemExit: 0"),
        (LeavesAtOnce, "must not end the process, found SystemExit: os._exit(0)"),
        (Ends, "ended after 3."),
        (MovesGoal, "desired_goal must stay the same"),
        (Explodes, "reward, inf"),
        (Silent, "info must hold"),
    ],
)
def test_a_fault_is_the_same_sentence_in_one_process_and_in_others(
    point_spec, env_class, words
):
    told = []
    for n in 0, 1:
        with collectors(point_spec, n, env_class) as some:
            with pytest.raises(RuntimeError) as caught:
                some.submit(Steady(), seeds(1)).result()
            told.append((type(caught.value), str(caught.value)))
    assert told[0] == told[1]
    assert words in told[0][1] and "\n" not in told[0][1]


@pytest.mark.parametrize("n", [0, 1])
def test_an_error_of_the_environments_code_keeps_its_traceback(point_spec, n):
    message = (
        r"(?s)must not raise an error, but point_env:Point-v0, episode 0, step 0, did"
        r".*Traceback.*in step\n.*ZeroDivisionError: the simulator broke"
    )
    with collectors(point_spec, n, Raises) as some:
        with pytest.raises(RuntimeError, match=message) as caught:
            some.submit(Steady(), seeds(1)).result()
    assert str(caught.value).count("Traceback") == 1


HANGS = """
import gymnasium as gym
import baselines_her
from point_env import PointEnv, make_point

class Hangs(PointEnv):
    n = 0
    def step(self, action):
        Hangs.n += 1
        while Hangs.n > 100:
            pass
        return super().step(action)

baselines_her.train(
    make_env=lambda: make_point(Hangs), num_timesteps=300, num_env=5, hidden=16,
    batch_size=16, n_batches=2, n_cycles=2, collectors=0, log_path="run",
    collector_timeout=2,
)
"""


@pytest.mark.slow
def test_an_environment_that_hangs_in_the_runs_own_process_ends_it(
    tmp_path, subprocess_environment
):
    done = run(tmp_path, subprocess_environment, "-c", HANGS)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "error: an episode must end within 2 s, and one of custom did not."
    )


def test_slow_episodes_are_each_given_their_time(point_spec, monkeypatch):
    monkeypatch.setattr(patience, "LOOK", 0.05)
    ended = []
    monkeypatch.setattr(patience.Patience, "_end_run", lambda self: ended.append(1))
    with contextlib.closing(patience.Patience("Slow-v0", 0.5)) as watch:
        with watch.watching(seeds(4)) as starts:
            for _ in starts:
                time.sleep(0.3)
        time.sleep(0.8)  # nothing is played now
        assert ended == []
        with watch.watching(seeds(1)) as starts:
            for _ in starts:
                time.sleep(0.8)
        assert ended


def test_an_environment_may_print(point_spec):
    with collectors(point_spec, 1, Prints) as some:
        assert some.collect(Steady(), seeds(2)).obs.shape == (2, 13, 3)


def test_players_load_no_tensorflow(point_spec):
    class Looks:
        def start(self, rng):
            assert "tensorflow" not in sys.modules
            return Steady().start(rng)

    with collectors(point_spec, 1) as some:
        some.submit(Looks(), seeds(1)).result()


def test_a_player_ends_when_its_parent_is_gone(point_spec):
    player = PlayerProcess(env_factory("point_env:Point-v0", None), point_spec, 60.0)
    player.submit("collect", Steady(), seeds(1)).result()
    player._process.stdin.close()
    assert player._process.wait(timeout=5) == 0


SCRIPT = """
import gymnasium as gym
import baselines_her
from point_env import PointEnv
horizon = 12
result = baselines_her.train(
    make_env=lambda: gym.wrappers.TimeLimit(PointEnv(), horizon),
    num_timesteps=300, num_env=5, hidden=16, batch_size=16, n_batches=2, n_cycles=2,
    collectors=2, log_path="run", n_test_rollouts=4,
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["script", "stdin"])
def test_training_works_from_a_bare_script_with_a_lambda(
    way, tmp_path, subprocess_environment
):
    (tmp_path / "bare.py").write_text(SCRIPT)
    name, text = ("bare.py", None) if way == "script" else ("-", SCRIPT)
    done = run(tmp_path, subprocess_environment, name, input=text)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "FINISHED").exists()
    assert done.stdout.count("run folder") == 1  # no player ran the script again


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_behind(tmp_path, subprocess_environment):
    marker = f"marker_{os.getpid()}_{time.time_ns()}"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "baselines_her.run", "--env=point_env:Point-v0"),
            *("--collectors=2", "--log_path=run"),
        ],
        cwd=tmp_path,
        env={**subprocess_environment, "MARKER": marker},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        assert any("run folder" in line for line in process.stdout)
        deadline = time.monotonic() + 60
        while len(marked(marker)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1.0)
        assert len(marked(marker)) == 3
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (130, "interrupted\n")
        assert marked(marker) == []


def marked(marker):
    """The processes whose environment holds `marker`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ") as file:
                if marker in file.read():
                    found.append(pid)
        except OSError:
            continue
    return found
