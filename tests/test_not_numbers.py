"""NaN and infinity: found at the step where they appear, named, never stored."""

import numpy as np
import pytest
from point_env import PointEnv, make_point
from trainings import SHORT

import baselines_her
from baselines_her.her_sampler import relabel
from baselines_her.parallel.collectors import Collectors, PlayerProcess
from baselines_her.rollout import BadState, collect, play_episode
from baselines_her.seeding import TRAINING, stream
from baselines_her.types import Index, Start

AT = 3  # the step at which it happens


def start(n):
    return Start(stream(0, TRAINING, n=n))


class Still:
    def start(self, rng):
        return lambda *_: np.zeros(2, np.float32)


class Broken(Still):
    def start(self, rng):
        steps = iter(range(100))
        return lambda *_: np.full(2, np.nan if next(steps) == AT else 0, np.float32)


def spoiled(field, value=np.nan, bad=lambda env: True):
    """A `PointEnv` whose `field` is `value` after step AT, where `bad` says so."""

    class Spoiled(PointEnv):
        def reset(self, *, seed=None, options=None):
            self.seed = seed
            return super().reset(seed=seed)

        def step(self, action):
            observation, reward, *rest = super().step(action)
            if self.steps == AT and bad(self):
                if field == "reward":
                    reward = value
                else:
                    observation = {**observation, field: observation[field] + value}
            return observation, reward, *rest

    return lambda: make_point(Spoiled)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("observation", "observation"),
        ("achieved_goal", "achieved_goal"),
        ("reward", "reward"),
    ],
)
def test_what_an_environment_returns_is_checked(point_spec, field, name, value):
    env = spoiled(field, value)()
    step = AT - 1 if field == "reward" else AT  # states count from 0, the reset's
    message = (
        rf"found in point_env:Point-v0, episode 7, step {step}: {name}, .*(nan|inf)"
    )
    with pytest.raises(BadState, match=message):
        play_episode(env, point_spec, Still(), start(7))


def test_an_action_is_checked_before_it_is_taken(point_spec):
    env = make_point()
    with pytest.raises(BadState, match=rf"episode 2, step {AT}: action, \[nan nan\]"):
        play_episode(env, point_spec, Broken(), start(2))
    assert env.unwrapped.steps == AT


def test_a_goal_is_checked(point_spec):
    class NoGoal(PointEnv):
        def reset(self, *, seed=None, options=None):
            observation, info = super().reset(seed=seed)
            return {**observation, "desired_goal": np.array([np.inf, 0.0])}, info

    with pytest.raises(BadState, match="step 0: desired_goal"):
        play_episode(make_point(NoGoal), point_spec, Still(), start(0))


def test_a_simulation_that_diverges_is_found_at_its_step():
    from baselines_her.envs.check import check
    from baselines_her.envs.make import env_factory

    env = env_factory("FetchReach", None)()
    spec = check(env, "FetchReach-v4")
    data = env.unwrapped.data

    class Exploding:
        def start(self, rng):
            steps = iter(range(100))

            def act(*_):
                if next(steps) == AT:
                    data.qvel[3] = 1e30
                return np.zeros(4, np.float32)

            return act

    with pytest.raises(BadState, match=rf"episode 1, step {AT}: the simulation.*BADQ"):
        play_episode(env, spec, Exploding(), start(1))
    play_episode(env, spec, Broken4(), start(1))  # the next episode is sound again


class Broken4:
    def start(self, rng):
        return lambda *_: np.zeros(4, np.float32)


def test_a_reward_of_relabelled_rows_is_checked(point_spec):
    episodes = collect(make_point(), point_spec, Still(), [start(0)])
    index, rng = Index(np.zeros(5, int), np.arange(5)), np.random.default_rng(0)
    with pytest.raises(ValueError, match="compute_reward must give finite numbers"):
        relabel(episodes, index, lambda a, g: np.full(len(a), np.nan), rng)


def test_a_bad_episode_ends_the_run_or_is_replaced_and_counted(tmp_path, eagerly):
    # about half of all episodes are bad, but not the checker's, whose seeds are small
    is_bad = lambda env: env.seed > 100 and env.goal[0] > 0  # noqa: E731
    bad = spoiled("observation", np.nan, is_bad)

    def run(folder, **flags):
        return baselines_her.train(
            make_env=bad, log_path=str(tmp_path / folder), quiet=True, **SHORT, **flags
        )

    for n in 0, 1:
        with pytest.raises(BadState, match=r"^numbers .*step 3: obs.*--skip_bad_epis"):
            run(f"a{n}", collectors=n)
    results = [run(f"c{n}", collectors=n, skip_bad_episodes=1) for n in (0, 2)]
    for result in results:
        assert result.rows[-1]["steps/episodes"] == 36
        assert 10 < result.rows[-1]["steps/skipped"] < 100
    one, other = ([r["test/mean_Q"] for r in result.rows] for result in results)
    assert one == other


def test_an_environment_that_is_always_bad_ends_the_run(point_spec):
    env = spoiled("observation")()
    with pytest.raises(RuntimeError, match="11 episodes in a row were bad"):
        collect(env, point_spec, Still(), [start(0)], skip_bad=True)


def test_substitutes_do_not_depend_on_who_plays_them(point_spec):
    bad = spoiled("observation", np.nan, lambda env: env.goal[0] > 0)
    starts = [start(n) for n in range(12)]
    mine = collect(bad(), point_spec, Still(), starts, skip_bad=True)
    from baselines_her.envs.make import env_factory

    factory = env_factory(None, bad)
    with Collectors(factory, point_spec, bad(), 2, skip_bad=True) as collectors:
        theirs = collectors.collect(Still(), starts)
    for one, other in zip(mine, theirs):
        np.testing.assert_array_equal(one, other)
    assert (mine.skipped > 0).any()
    assert (mine.goal[:, 0] <= 0).all()


def test_a_policy_with_nan_is_not_written(short_run, tmp_path):
    from baselines_her.runs.policy_file import read_policy, write_policy

    file = read_policy(short_run.best_policy)
    file.arrays["actor/0/kernel"][0, 0] = np.nan
    target = tmp_path / "new.pkl"
    with pytest.raises(ValueError, match=r"but actor/0/kernel does not.*not written"):
        write_policy(target, file.spec, file.config, file.arrays, {})
    assert not target.exists()


def test_a_player_tells_where_it_was(point_spec):
    from baselines_her.envs.make import env_factory

    player = PlayerProcess(env_factory(None, spoiled("reward")), point_spec, 60)
    with pytest.raises(RuntimeError, match="episode 4, step 2: reward, nan"):
        player.submit("collect", Still(), [start(4)]).result()
    player.close()
