"""What follows from the settings for each level: its rows and its networks."""

import dataclasses

from ..acting.subgoals import units_of
from ..her_sampler import Hindsight, future_p, hindsight
from ..settings.hac import HACConfig, steps_of
from ..settings.her import HERConfig
from ..types import EnvSpec, GoalSpace
from .hac_rows import Level

NOWHERE = GoalSpace("none", (), (), (), ())  # of subgoals, with one level


def levels_of(config: HACConfig, spec: EnvSpec) -> list[Level]:
    """The levels, the lowest first.

    Args:
      config: resolved.
      spec: the environment's dimensions; with several levels it has a space.

    Raises:
      ValueError: the two do not fit each other.
    """
    periods, space = steps_of(config.levels), spec.space or NOWHERE
    if len(periods) != config.levels.levels or (len(periods) > 1) != bool(spec.space):
        raise ValueError("its levels, periods and space of subgoals do not agree")
    ends = [*periods[1:], spec.horizon]
    is_relative = config.levels.subgoals == "relative"
    units = units_of(space, config.levels.subgoal_reach if is_relative else None)
    top, more = len(periods) - 1, config.levels.hindsight_actions
    sees_place = top > 0 and config.levels.level0_sees == "subgoal_space"
    levels = []
    for n, period in enumerate(periods):
        attempts = ends[n] // period
        goals = _hindsight(config, n == top)
        if top:  # one level may look as far ahead as the episode goes
            goals = goals._replace(period=period, attempts=attempts)
        own = more, sees_place and n == 0
        levels.append(Level(n, n == top, period, attempts, goals, space, units, *own))
    return levels


def _hindsight(config: HACConfig, is_top: bool) -> Hindsight:
    """How a level's goals are replaced; below the top by later places alone."""
    her, inputs = config.her, config.inputs
    seen = inputs.relative_goals, inputs.see_achieved
    if not is_top:
        share = future_p(her.replay_strategy, her.replay_k)
        return Hindsight("future", share, relative_goals=seen[0], see_achieved=seen[1])
    return hindsight(
        her.replay_strategy,
        her.replay_k,
        her.actual_k,
        her.achieved_k,
        her.filter_goals,
        *seen,
    )


def network_spec(level: Level, spec: EnvSpec, config: HACConfig) -> EnvSpec:
    """The dimensions of a level's networks; those of one level are the environment's.

    Observations include the achieved goal where networks see it; a level that sees the
    place alone has the entries of the space instead.
    """
    seen = spec.obs_dim + spec.goal_dim * config.inputs.see_achieved
    n_entries = len(level.space.columns)
    own = spec._replace(obs_dim=n_entries if level.sees_place else seen, space=None)
    if not level.is_top:
        own = own._replace(goal_dim=n_entries, reward_low=-1.0, reward_high=0.0)
    if level.number:
        own = own._replace(action_dim=n_entries, max_action=(1.0,) * n_entries)
    return own


def network_config(level: Level, config: HACConfig) -> HERConfig:
    """A level's learner: with several levels, gamma = 1 - 1/H and targets in [-H, 0].

    (2019, section 4: a level has H attempts, each of which costs 1.)  Actions above
    level 0 are places, of which a large one costs no more than a small one.
    """
    flat = config.flat()
    inputs = dataclasses.replace(flat.inputs, see_achieved=False)
    if config.levels.levels == 1:
        return dataclasses.replace(flat, inputs=inputs)
    ddpg = dataclasses.replace(
        flat.ddpg,
        gamma=1.0 - 1.0 / level.attempts,
        clip_return=True,
        clip_pos_returns=True,
        action_l2=0.0 if level.number else flat.ddpg.action_l2,
    )
    return dataclasses.replace(flat, inputs=inputs, ddpg=ddpg)
