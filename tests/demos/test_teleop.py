"""Demonstrations by hand: keys move the gripper, episodes are kept or dropped."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from baselines_her.demos.file import load_demos, write_demos
from baselines_her.demos.teleop import Ended, Pace, Steered, direction, teleop

NOTHING = frozenset()


def keys(*names):
    return frozenset(names)


class Script:
    """Controls that hold these keys, one set per look; the last one for ever."""

    def __init__(self, *looks, azimuth=0.0):
        self.looks, self.turned, self.n_drawn = list(looks), azimuth, 0

    def held(self):
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def azimuth(self):
        return self.turned

    def draw(self):
        self.n_drawn += 1


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize(
    ("held", "azimuth", "found"),
    [
        (keys("W"), 0, [1, 0, 0]),  # looking along x
        (keys("A"), 0, [0, 1, 0]),
        (keys("D"), 0, [0, -1, 0]),
        (keys("W"), 90, [0, 1, 0]),  # looking along y, with -x to the left
        (keys("A"), 90, [-1, 0, 0]),
        (keys("S"), 180, [1, 0, 0]),
        (keys("UP", "LEFT"), 90, [-1, 1, 0]),
        (keys("E"), 30, [0, 0, 1]),
        (keys("Q", "W", "S"), 30, [0, 0, -1]),
        (NOTHING, 10, [0, 0, 0]),
    ],
)
def test_keys_move_as_the_user_looks(held, azimuth, found):
    np.testing.assert_allclose(direction(held, azimuth), found, atol=1e-12)


def acting(script, seconds=0.2):
    clock = Clock()
    actor = Steered(script, Pace(seconds, clock, clock.sleep))
    act = actor.start(np.random.default_rng(0))
    return lambda: act(None, None, None), clock


def test_the_first_action_waits_for_a_key_and_later_ones_do_not():
    script = Script(NOTHING, NOTHING, NOTHING, NOTHING, keys("W"), NOTHING)
    act, clock = acting(script)
    np.testing.assert_allclose(act(), [0.6, 0, 0, 1], atol=1e-7)
    assert script.n_drawn == 3 and clock.now == pytest.approx(100.03)
    np.testing.assert_allclose(act(), [0, 0, 0, 1])
    assert clock.now == pytest.approx(100.23, abs=0.011)  # a fifth of a second later


def test_fingers_change_when_space_goes_down_not_while_it_is_held():
    space, w = keys("SPACE"), keys("W")
    act, _ = acting(Script(NOTHING, w, space, space, w, space), seconds=0.0)
    assert [act()[3] for _ in range(5)] == [1, -1, -1, -1, 1]


def test_shift_moves_slowly_and_diagonals_stay_within_the_limits():
    act, _ = acting(Script(NOTHING, keys("W", "LEFT_SHIFT")), seconds=0.0)
    np.testing.assert_allclose(act()[:3], [0.15, 0, 0], atol=1e-7)
    act, _ = acting(Script(NOTHING, keys("W", "A", "E"), azimuth=45.0), seconds=0.0)
    np.testing.assert_allclose(act()[:3], [0, 0.8485, 0.6], atol=1e-4)


def test_escape_ends_before_the_first_action():
    act, _ = acting(Script(NOTHING, keys("ESCAPE")))
    with pytest.raises(Ended):
        act()


def record(tmp_path, script, said=None, **flags):
    clock = Clock()
    said = [] if said is None else said
    flags = {"out": tmp_path / "by_hand.npz", "keep_failures": True, **flags}
    parts = {
        "is_shown": False,
        "clock": clock,
        "sleep": clock.sleep,
        "say": said.append,
    }
    return teleop("FetchPickAndPlace", controls=lambda env: script, **parts, **flags)


def test_what_is_steered_is_recorded_and_a_file_is_continued(tmp_path):
    path = record(tmp_path, Script(keys("W"), azimuth=90.0), episodes=1)
    demos = load_demos(path)
    assert demos.action.shape == (1, 50, 4) and demos.state0 is not None
    np.testing.assert_allclose(demos.action[0], [[0, 0.6, 0, 1]] * 50, atol=1e-6)
    assert demos.obs[0, 10, 1] - demos.obs[0, 0, 1] > 0.1  # along y
    record(tmp_path, Script(keys("S"), azimuth=90.0), episodes=2)
    more = load_demos(path)
    assert len(more.goal) == 3 and len(set(more.seed)) == 3
    np.testing.assert_array_equal(more.action[0], demos.action[0])


def test_a_continued_file_holds_no_start_twice(tmp_path):
    """The first episode of the first session is dropped: it is the next one's first."""
    w, back = keys("W"), keys("BACKSPACE")
    record(tmp_path, Script(w, w, back, w), episodes=2)
    first = load_demos(tmp_path / "by_hand.npz")
    record(tmp_path, Script(w), episodes=2)
    seeds = load_demos(tmp_path / "by_hand.npz").seed
    assert len(set(seeds)) == 4 and set(first.seed) < set(seeds)
    bare = first._replace(state0=None)
    write_demos(tmp_path / "bare.npz", bare)
    with pytest.raises(ValueError, match="must hold start states"):
        record(tmp_path, Script(w), out=tmp_path / "bare.npz")


def test_dropped_and_failed_episodes_are_not_kept(tmp_path):
    said, w, back = [], keys("W"), keys("BACKSPACE")
    # a look at the episode's start, one at its first action, and then it is dropped
    looks = [w, w, back, w, *[w] * 1500, keys("ESCAPE")]
    record(tmp_path, Script(*looks), said, speed=1.0)
    assert said[1] == "dropped" and said.count("dropped") == 1
    outcomes = [line for line in said if line == "success" or "failure" in line]
    assert any("failure" in line for line in outcomes)
    assert len(load_demos(tmp_path / "by_hand.npz").goal) == len(outcomes)
    with pytest.raises(RuntimeError, match="no episode succeeded"):
        looks = [w] * 1500 + [keys("ESCAPE")]
        record(tmp_path, Script(*looks), out=tmp_path / "none.npz", keep_failures=False)
    assert not (tmp_path / "none.npz").exists()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"speed": 0.0}, "speed must be above 0"),
        ({"episodes": 0}, "episodes must be at least 1"),
        ({"env": "HandReach"}, "has 20 actions.  Choose a Fetch task"),
    ],
)
def test_what_cannot_be_steered_is_refused(tmp_path, flags, sentence):
    with pytest.raises(ValueError, match=sentence):
        teleop(is_shown=False, out=tmp_path / "x.npz", **flags)


def test_a_file_of_another_task_is_not_continued(tmp_path):
    record(tmp_path, Script(keys("W")), episodes=1)
    with pytest.raises(
        ValueError, match="must be a new file or hold episodes of Fetch"
    ):
        teleop("FetchPush", is_shown=False, out=tmp_path / "by_hand.npz")


# -- a real keyboard and a real window -----------------------------------------


@pytest.fixture
def screen():
    """A virtual screen."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("Xvfb and xdotool are needed")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as answer:
        yield f":{answer.readline().strip()}"
    server.terminate()
    server.wait()


def test_held_keys_of_a_real_window_move_the_gripper(screen, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "MUJOCO_GL"}
    environment["DISPLAY"] = screen
    command = [sys.executable, "-m", "baselines_her.demos.teleop", "--speed=10"]
    command += ["--episodes=1", "--keep_failures", "--env=FetchPickAndPlace"]
    done = subprocess.Popen(command, cwd=tmp_path, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    def press(*words):
        subprocess.run(["xdotool", *words], env=environment, check=True)

    try:
        search = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "mujoco"]
        subprocess.run(search, env=environment, check=True, timeout=120,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        time.sleep(1.0)
        press("keydown", "e")
        out, err = done.communicate(timeout=120)
    finally:
        if done.poll() is None:
            done.send_signal(signal.SIGKILL)
    assert done.returncode == 0, err
    assert "1 episodes in teleop.npz" in out
    demos = load_demos(tmp_path / "teleop.npz")
    np.testing.assert_allclose(demos.action[0, :, 2], 0.6, atol=1e-6)  # up
    assert demos.obs[0, -1, 2] - demos.obs[0, 0, 2] > 0.2
