"""Broken environments, each with one thing wrong, each named in one sentence."""

import gymnasium as gym
import numpy as np
import pytest
from point_env import PointEnv, make_point

from baselines_her.envs.check import check
from baselines_her.envs.faults import Fault
from baselines_her.envs.make import env_factory

BROKEN = {}


def broken(message, horizon=12):
    """Registers a class of `PointEnv` with one fault and the sentence it deserves."""

    def register(cls):
        BROKEN[cls.__name__] = (cls, horizon, message)
        return cls

    return register


def with_space(env, **replaced):
    spaces = {**env.observation_space.spaces, **replaced}
    env.observation_space = gym.spaces.Dict(
        {name: space for name, space in spaces.items() if space is not None}
    )


@broken("observation space must be a Dict")
class FlatObservations(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.observation_space = gym.spaces.Box(-1, 1, (3,))


@broken("found no desired_goal")
class NoGoal(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        with_space(self, desired_goal=None)


@broken("observation must be a flat Box")
class ImageObservations(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        with_space(self, observation=gym.spaces.Box(0, 255, (8, 8, 3), np.uint8))


@broken(r"must have one shape; found \[2\] and \[3\]")
class OtherGoalShape(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        with_space(self, desired_goal=gym.spaces.Box(-9, 9, (3,)))


@broken("action space must be a flat Box")
class DiscreteActions(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.action_space = gym.spaces.Discrete(4)


@broken("action limits must be finite")
class EndlessActions(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.action_space = gym.spaces.Box(-np.inf, np.inf, (2,))


@broken("action limits must be symmetric.*RescaleAction")
class LopsidedActions(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.action_space = gym.spaces.Box(0.0, 1.0, (2,))


@broken("there must be a compute_reward")
class NoReward(gym.Wrapper):
    def __init__(self, render_mode=None):
        super().__init__(PointEnv(render_mode))

    def get_wrapper_attr(self, name):
        if name == "compute_reward":
            raise AttributeError(name)
        return super().get_wrapper_attr(name)


@broken(r"must be vectorised: .* found shape \[\] for 12 rows")
class OneRewardForAll(PointEnv):
    def compute_reward(self, achieved_goal, desired_goal, info):
        return -float(np.linalg.norm(achieved_goal - desired_goal) > 0.4)


@broken("work on rows of goals with an empty info; found KeyError")
class RewardFromInfo(PointEnv):
    def compute_reward(self, achieved_goal, desired_goal, info):
        if np.ndim(achieved_goal) == 2:
            return info["reward"]
        return super().compute_reward(achieved_goal, desired_goal, info)


@broken("must equal the reward of step; found -1 and -2 at step 1")
class OtherRewardInStep(PointEnv):
    def step(self, action):
        observation, reward, *rest = super().step(action)
        return observation, reward - 1.0, *rest


@broken("fixed length.*terminated=True at step 3")
class Terminates(PointEnv):
    def step(self, action):
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, self.steps == 3, truncated, info


@broken("must end by truncation", horizon=None)
class NeverEnds(PointEnv):
    pass


@broken("the same length; found", horizon=None)
class VaryingLength(PointEnv):
    def reset(self, *, seed=None, options=None):
        result = super().reset(seed=seed)
        self.length = int(self.np_random.integers(5, 30))
        return result

    def step(self, action):
        observation, reward, terminated, _, info = super().step(action)
        return observation, reward, terminated, self.steps == self.length, info


@broken("desired_goal must stay the same.*another one at step 4")
class MovingGoal(PointEnv):
    def step(self, action):
        if self.steps == 3:
            self.goal = self.goal + 0.5
        return super().step(action)


@broken("fixed length.*found continuing_task=False")
class EndsAtSuccess(PointEnv):
    continuing_task = False


@broken("goal must stay the same.*found reset_target=True")
class MovesAtSuccess(PointEnv):
    reset_target = True


@broken(r"observation must have its space's shape \[3\]; found \[1\]")
class OtherShapeLater(PointEnv):
    def step(self, action):
        observation, *rest = super().step(action)
        return {**observation, "observation": np.zeros(1)}, *rest


@broken("step must return .* found 4 values")
class OldStep(gym.Wrapper):
    def __init__(self, render_mode=None):
        super().__init__(PointEnv(render_mode))

    def step(self, action):
        observation, reward, _, truncated, info = self.env.step(action)
        return observation, reward, truncated, info


@broken("that it gives each row alone; found .* for row .*--reward_rows=1")
class RewardFromOtherRows(PointEnv):
    def compute_reward(self, achieved_goal, desired_goal, info):
        distance = np.abs(achieved_goal - desired_goal)[..., 0]
        return -(distance > np.mean(distance)).astype(np.float32)


@broken("info must hold")
class NoSuccess(PointEnv):
    def step(self, action):
        *result, _ = super().step(action)
        return *result, {}


@broken("the same after the same reset")
class GlobalRandomness(PointEnv):
    rng = np.random.default_rng(0)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.goal = self.rng.uniform(-5, 5, 2)
        return self._observation(), {}


@broken("the same after the same reset")
class KeepsState(PointEnv):
    speed = 0.0

    def step(self, action):
        self.speed += 0.01
        return super().step(action + self.speed)


@broken("must be finite; found obs that is not at step 5")
class Explodes(PointEnv):
    def _observation(self):
        observation = super()._observation()
        if self.steps == 5:
            observation["observation"][0] = np.nan
        return observation


@broken(r"observation must have its space's shape \[3\]; found \[4\]")
class WrongShape(PointEnv):
    def _observation(self):
        observation = super()._observation()
        return observation | {"observation": np.zeros(4)}


@broken("reset must take seed=")
class OldReset(gym.Wrapper):
    def __init__(self, render_mode=None):
        super().__init__(PointEnv(render_mode))

    def reset(self):
        return self.env.reset()[0]


@broken("must not write into the action")
class WritesIntoActions(PointEnv):
    def step(self, action):
        action *= 0.5
        return super().step(action)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_environment_is_named_in_one_sentence(name):
    cls, horizon, message = BROKEN[name]
    bare = name in ("OldReset", "OldStep")  # a TimeLimit would trip over it first
    env = cls() if bare else make_point(cls, horizon)
    with pytest.raises(ValueError, match=message) as caught:
        check(env, name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shift", "kind"), [(0.0, (-1.0, 0.0)), (1.0, (0.0, 1.0)), (0.5, (None, None))]
)
def test_the_kind_of_reward_is_measured(shift, kind):
    class Shifted(PointEnv):
        def compute_reward(self, achieved_goal, desired_goal, info):
            return super().compute_reward(achieved_goal, desired_goal, info) + shift

        def step(self, action):
            *result, _ = super().step(action)
            return *result, {"is_success": False}

    spec = check(make_point(Shifted), "Shifted")
    assert (spec.reward_low, spec.reward_high) == kind


class Raises(PointEnv):
    def step(self, action):
        raise KeyError("no such body")


class Leaves(PointEnv):
    def reset(self, *, seed=None, options=None):
        raise SystemExit


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (
            Raises,
            r"must not raise an error, but P, episode 1 of the check, step 0, did",
        ),
        (Raises, r"(?s)Traceback.*KeyError: 'no such body'"),
        (Leaves, r"must not end the process.*P, episode 1 of the check, step 0"),
    ],
)
def test_an_error_of_the_environment_is_told_with_its_place(cls, message):
    with pytest.raises(Fault, match=message):
        check(make_point(cls), "P")


def maze(name="PointMaze_UMaze", **options):
    factory = env_factory(name, None)
    return gym.make(factory.env_id, **options)


@pytest.mark.parametrize("name", ["PointMaze_UMaze", "AntMaze_UMaze"])
@pytest.mark.parametrize("option", [{"continuing_task": False}, {"reset_target": True}])
def test_mazes_that_end_or_move_the_goal_at_success_are_refused(name, option):
    ((word, value),) = option.items()
    with pytest.raises(ValueError, match=f"found {word}={value}.*{word}={not value}"):
        check(maze(name, **option), name)


def test_a_maze_with_lasting_goals_passes():
    spec = check(maze(), "maze")
    assert (spec.horizon, spec.reward_low, spec.reward_high) == (300, 0.0, 1.0)


@pytest.mark.parametrize("name", ["HandManipulatePen", "HandManipulatePenRotate"])
def test_rewards_that_mix_rows_are_refused_and_pass_row_by_row(name):
    env = env_factory(name, None)()
    with pytest.raises(ValueError, match=r"each row alone; .*give --reward_rows=1"):
        check(env, name)
    spec = check(env, name, by_row=True)
    assert (spec.reward_low, spec.reward_high) == (-1.0, 0.0)


def test_row_by_row_a_reward_for_single_goals_will_do():
    class Single(PointEnv):
        def compute_reward(self, achieved_goal, desired_goal, info):
            assert achieved_goal.shape == (2,)
            return -float(np.linalg.norm(achieved_goal - desired_goal) > 0.4)

    with pytest.raises(ValueError, match=r"rows of goals .*give --reward_rows=1"):
        check(make_point(Single), "Single")
    assert check(make_point(Single), "Single", by_row=True).reward_low == -1.0


def scaled(scale, offset=0.0):
    """A `PointEnv` in other units, far from the origin."""

    class Scaled(PointEnv):
        def _observation(self):
            there = super()._observation()
            return {name: scale * value + offset for name, value in there.items()}

        def step(self, action):
            observation, _, *rest = super().step(action)
            places = observation["achieved_goal"], observation["desired_goal"]
            return observation, self.compute_reward(*places, {}), *rest

    return make_point(Scaled)


def warnings_for(env, clip_obs):
    warnings = []
    check(env, "Scaled", clip_obs=clip_obs, warn=warnings.append)
    return warnings


def test_inputs_beyond_clip_obs_are_warned_of():
    (warning,) = warnings_for(scaled(200.0), clip_obs=200.0)
    for name in ("observation", "achieved_goal", "desired_goal"):
        assert name in warning
    assert "clip_obs=200 " in warning and "give --clip_obs=10000." in warning
    assert warnings_for(scaled(200.0), clip_obs=1e4) == []


def test_inputs_too_fine_for_float32_are_warned_of():
    warnings = warnings_for(scaled(0.1, offset=1e7), clip_obs=1e9)
    # moves of up to 0.1 at 10^7, where float32 counts in ones
    assert len(warnings) == 2
    assert "resolution is 1 at 1e+07, so 100% of the movement of obs" in warnings[0]
    assert "achieved_goal[0]" in warnings[1]
    assert warnings_for(scaled(0.1, offset=1e3), clip_obs=1e9) == []


@pytest.mark.parametrize("name", ["FetchPush", "FetchSlide", "HandReach"])
def test_the_robots_inputs_need_no_warning(name):
    assert warnings_for(env_factory(name, None)(), clip_obs=200.0) == []
