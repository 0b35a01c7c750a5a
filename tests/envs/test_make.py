"""From a name to an environment, in this process and in a new one."""

import gymnasium as gym
import pytest
from conftest import run
from point_env import PointEnv

from baselines_her.envs.make import env_factory, make, resolve_id
from baselines_her.envs.registry import own_entries


class Blind(PointEnv):
    def __init__(self):
        super().__init__()


@pytest.fixture
def registered():
    """Registers an entry point under an id until the test ends."""
    ids = []

    def register(env_id, entry_point):
        ids.append(env_id)
        gym.register(env_id, entry_point=entry_point, max_episode_steps=12)
        return env_id

    yield register
    for env_id in ids:
        del gym.registry[env_id]


def test_a_constructor_need_not_take_render_mode(registered):
    env_id = registered("Blind-v0", Blind)
    assert env_factory(env_id, None)().spec.id == env_id


def test_what_cannot_be_drawn_is_refused_in_one_sentence(registered):
    env_id = registered("Blind-v0", Blind)
    with pytest.raises(
        ValueError, match="must take render_mode, but Blind-v0 does not"
    ):
        make(env_id, "rgb_array")


@pytest.mark.parametrize("name", ["FetchPush", "FetchReachDense", "FetchPickAndPlace"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_old_versions_of_fetch_are_refused_for_the_newest(name, version):
    message = f"{name}-v{version} .*: use --env={name}-v4$"
    with pytest.raises(ValueError, match=message):
        resolve_id(f"{name}-v{version}")


def test_a_pose_that_gymnasium_robotics_has_corrected_is_refused(registered):
    # as in gymnasium-robotics 1.3
    registered("FetchPush-v3", "gymnasium_robotics.envs.fetch.push:MujocoFetchPushEnv")
    with pytest.raises(ValueError, match=r"FetchPush-v3 starts .* use .*FetchPush-v4$"):
        resolve_id("FetchPush-v3")


def test_a_users_own_old_version_is_accepted(registered):
    assert resolve_id(registered("FetchPush-v2", PointEnv)) == "FetchPush-v2"


@pytest.mark.parametrize(("version", "why"), [(0, "mujoco_py"), (2, "another pose")])
def test_old_versions_of_the_hand_are_refused_for_the_newest(version, why):
    with pytest.raises(ValueError, match=f"{why}.*: use --env=HandReach-v3$"):
        resolve_id(f"HandReach-v{version}")
    assert resolve_id("HandReach-v3") == "HandReach-v3"
    assert resolve_id("HandManipulateBlock-v1") == "HandManipulateBlock-v1"


def test_only_the_users_own_entries_travel(registered):
    resolve_id("FetchReach")  # registers gymnasium-robotics' own
    env_id = registered("Own-v0", Blind)
    found = {entry.env_id for entry in own_entries()}
    ours = {"Point-v0", "Faulty-v0", "Carry-v0", "Target-v0"}  # other tests' modules
    ours |= {"Planned-v0"}
    assert found - ours == {env_id}


def test_an_entry_that_cannot_be_pickled_does_not_stop_the_others(registered):
    stuck = (_ for _ in ())  # a generator cannot be pickled
    registered("Stuck-v0", lambda: stuck)
    env_id = registered("Own-v0", Blind)
    found = {entry.env_id for entry in own_entries()}
    assert env_id in found and "Stuck-v0" not in found


NOTEBOOK = """
import gymnasium as gym
import numpy as np
import baselines_her
from point_env import PointEnv

class Nb(PointEnv):
    pass

gym.register("Nb-v0", entry_point=Nb, max_episode_steps=12)
baselines_her.train(
    {way}, num_timesteps=120, num_env=5, hidden=16, batch_size=16, n_batches=2,
    n_cycles=2, collectors=1, log_path="run", n_test_rollouts=4,
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ['"Nb-v0"', 'make_env=lambda: gym.make("Nb-v0")'])
def test_an_environment_of_a_notebook_reaches_the_players(
    way, tmp_path, subprocess_environment
):
    done = run(tmp_path, subprocess_environment, "-c", NOTEBOOK.format(way=way))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "FINISHED").exists()
