"""What the tuned defaults bring into a training: random steps, energy, old folders."""

import json

import numpy as np
import pytest
from learners import CYCLE, Recording, collectors, loop_on
from point_env import PointEnv, make_point
from trainings import SHORT, train

import baselines_her
from baselines_her.config import from_flags, to_flags, with_flags
from baselines_her.parallel.communicator import Solo
from baselines_her.runs.folder import differing_settings
from baselines_her.runs.saver import resumed_flags


class Workers(Solo):
    """So many workers, of which this one is the only one that runs."""

    def __init__(self, size):
        self.size = size


def shares_of(point_spec, counters, n_workers, flights=()):
    """random_eps of what is submitted by a run that goes on, and by its next cycle."""
    from baselines_her.algorithms.her import HER

    with collectors(point_spec, 0) as inner:
        recording = Recording(inner)
        workers = Workers(n_workers)
        loop = loop_on(recording, point_spec, HER, workers, random_steps=20 * 12)
        arrays, facts = loop.state()
        updates = counters["n_cycles"] * CYCLE["n_batches"]
        steps = {f"learner/adam/{n}/step": updates for n in ("actor", "critic")}
        arrays |= {name: np.array(n) for name, n in steps.items()}
        facts |= {"n_updates": updates}
        for first in flights:
            policy = loop.learner.policy().arrays().items()
            arrays |= {f"flight/{first}/{k}": v for k, v in policy}
        loop.load_state(arrays, {**facts, **counters, "flights": list(flights)})
        loop._collection.begin(loop.learner.policy())
    return [actor.random_eps for actor in recording.actors]


def test_random_steps_count_what_all_workers_played(point_spec, eagerly):
    """20 episodes are random: 4 cycles of one worker's 5, 2 of two workers'."""
    assert point_spec.horizon == 12
    for n_workers, last in (1, 3), (2, 1):
        played = 5 * n_workers
        for n_cycles, share in (last, 1.0), (last + 1, 0.3):
            counters = {"n_cycles": n_cycles, "n_episodes": n_cycles * played}
            assert shares_of(point_spec, counters, n_workers) == [share]


def test_random_steps_do_not_begin_again_with_fewer_workers(point_spec, eagerly):
    counters = {"n_cycles": 2, "n_episodes": 2 * 5 * 4}  # of four workers
    assert shares_of(point_spec, counters, 1) == [0.3]


def test_episodes_in_flight_keep_their_share(point_spec, eagerly):
    counters = {"n_cycles": 3, "n_episodes": 15}
    assert shares_of(point_spec, counters, 1, flights=[15]) == [1.0, 0.3]
    counters = {"n_cycles": 1, "n_episodes": 10}  # and 10 of two workers are in flight
    assert shares_of(point_spec, counters, 2, flights=[5]) == [1.0, 0.3]


def test_a_run_that_acts_at_random_to_its_end_is_told(tmp_path, capsys, eagerly):
    flags = {**SHORT, "num_timesteps": 48, "random_steps": 48}
    baselines_her.train("point_env:Point-v0", log_path=str(tmp_path / "r"), **flags)
    assert "all 48 steps take random actions" in capsys.readouterr().out


def test_neither_energy_nor_relay_is_assumed_of_an_environment_of_ones_own(
    tmp_path, eagerly
):
    """Its name may be that of a task whose preset knows an object."""
    own = {"make_env": lambda: make_point(PointEnv), "log_path": str(tmp_path)}
    result = baselines_her.train("FetchPush-v4", **own, quiet=True, **SHORT)
    config = json.loads((result.log_path / "config.json").read_text())["config"]
    assert (config["preset"], config["prioritization"]) == ("tuned", "uniform")
    assert not config["relay"]


def test_a_policy_of_another_critic_is_refused(short_run, tmp_path):
    path = str(short_run.log_path / "policy_latest.pkl")
    with pytest.raises(ValueError, match=r"found .*, layer_norm for .* Match"):
        train(tmp_path / "r", load_path=path, **{**SHORT, "layer_norm": False})


def test_settings_that_came_after_a_run_have_their_defaults():
    config = from_flags(preset="laptop")
    found = to_flags(config)
    for name in "filter_goals", "random_steps", "layer_norm":
        found.pop(name)
    assert differing_settings(found, config) == ""
    other = with_flags(config, layer_norm=True)
    assert differing_settings(found, other) == "layer_norm False -> True"


def test_a_run_goes_on_without_what_its_preset_got_later(tmp_path):
    """Resumed, it must not take the preset's present value of a setting it lacks."""
    flags = to_flags(from_flags(preset="tuned", env="FetchSlide-v4"))
    assert flags.pop("lr_fade") > 0
    (tmp_path / "config.json").write_text(json.dumps({"config": flags, "command": "-"}))
    env, flags_again = resumed_flags({"resume": str(tmp_path)}, None, False)
    config = from_flags(**flags_again, env=env)
    assert (config.run.env, config.ddpg.lr_fade) == ("FetchSlide-v4", 0)
    assert config.collect.num_env == flags["num_env"] == 2
    assert differing_settings(flags, config) == ""


@pytest.mark.parametrize(
    ("env", "budget"),
    [
        ("FetchReach", 5_000),
        ("FetchPush-v4", 150_000),
        ("FetchPickAndPlace", 300_000),
        ("FetchSlide", 800_000),
        ("HandReach", 400_000),
        ("Mine-v0", 1_000_000),
    ],
)
def test_the_tuned_preset_trains_each_task_for_as_long_as_it_needs(env, budget):
    assert from_flags(env=env).run.num_timesteps == budget
    assert from_flags(env=env, num_timesteps=7).run.num_timesteps == 7
    assert from_flags(env=env, preset="laptop").run.num_timesteps == 1_000_000


def flags_for(env, **given):
    return to_flags(from_flags(env=env, **given))


def test_relay_is_tuned_where_an_object_must_be_reached():
    for env in "FetchPush", "FetchPickAndPlace-v4":
        assert flags_for(env)["relay"], env
        assert not flags_for(env, preset="tuned_0_1")["relay"], env
        assert not flags_for(env, relay=False)["relay"], env
        # a policy file has no networks for reaching, and relay sees no achieved goals
        assert not flags_for(env, load_path="policy.pkl")["relay"], env
        assert not flags_for(env, see_achieved=True)["relay"], env
    for env in "FetchReach", "FetchSlide", "HandReach", "PointMaze_UMaze":
        own, old = flags_for(env), flags_for(env, preset="tuned_0_1")
        assert own.pop("preset") != old.pop("preset") and own == old, env


def test_several_levels_build_on_the_preset_without_relay():
    flat = flags_for("FetchPickAndPlace", preset="tuned_0_1")
    found = flags_for("FetchPickAndPlace", alg="hac")
    assert "relay" not in found
    own = {"alg", "preset", "num_timesteps"}
    same = {k for k in flat if k in found and flat[k] == found[k]}
    assert {k for k in flat if k in found} - same <= own
