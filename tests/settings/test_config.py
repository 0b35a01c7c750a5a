"""Settings: presets, ranges, round trips, and the command line made of them."""

import json

import pytest

from baselines_her.algorithms import entry
from baselines_her.cli.command import run_command
from baselines_her.cli.flags import build_parser, parse_flags
from baselines_her.config import (
    fields_of,
    from_flags,
    require_effects,
    to_flags,
    with_flags,
)
from baselines_her.settings.her import HERConfig


def test_flags_override_the_preset_and_the_preset_the_defaults():
    config = from_flags(preset="plappert2018", env="FetchPush-v4", n_cycles=7)
    assert config.loop.n_cycles == 7
    assert (config.collect.num_env, config.ddpg.batch_size) == (2, 256)
    assert config.ddpg.polyak == 0.95


def test_a_preset_may_know_an_environment_by_its_name_without_version():
    for env in ("FetchReach", "FetchReach-v4", "gymnasium_robotics:FetchReach-v4"):
        assert from_flags(preset="plappert2018", env=env).loop.n_cycles == 10
    assert from_flags(preset="plappert2018", env="FetchPush").loop.n_cycles == 50


def test_settings_survive_json():
    config = from_flags(seed=3, gamma=0.9, relative_goals=True)
    assert from_flags(**json.loads(json.dumps(to_flags(config)))) == config


def test_derived_settings_come_from_the_environment(point_spec):
    config = from_flags().resolve(point_spec)
    assert config.ddpg.gamma == pytest.approx(1 - 1 / 12)
    assert config.ddpg.clip_pos_returns is True
    assert config.run.env == "point_env:Point-v0"
    positive = point_spec._replace(reward_low=0.0, reward_high=1.0)
    assert from_flags().resolve(positive).ddpg.clip_pos_returns is False


def test_settings_that_are_given_are_not_derived(point_spec):
    config = from_flags(gamma=0.5, clip_pos_returns=False).resolve(point_spec)
    assert (config.ddpg.gamma, config.ddpg.clip_pos_returns) == (0.5, False)


def test_eps_follows_what_it_is_added_to(point_spec):
    """TD errors are of the order of 1, energies of moved objects of 0.1 J."""
    flags = {"per": {"per": True}, "energy": {"prioritization": "energy"}}
    flags |= {"own": {"per": True, "per_eps": 0.5}, "none": {}}
    found = {
        name: from_flags(**given).resolve(point_spec).replay.per_eps
        for name, given in flags.items()
    }
    assert found == {"per": 1e-6, "energy": 0.01, "own": 0.5, "none": None}


def test_the_tuned_preset_is_the_default_and_gives_way(point_spec):
    push = from_flags(env="FetchPush-v4")
    assert (push.replay.prioritization, push.ddpg.hidden) == ("energy", 128)
    assert from_flags(env="FetchPush", per=True).replay.prioritization == "tderror"
    assert from_flags(env="Mine-v0").replay.prioritization == "uniform"
    reach = from_flags(env="FetchReach")
    assert (reach.collect.num_env, reach.collect.random_steps) == (1, 500)
    assert from_flags(demo_file="demos.npz").run.preset == "tuned_demos"
    shown = from_flags(env="FetchPush", demo_file="demos.npz")
    assert shown.relay.relay and shown.relay.relay_near == push.relay.relay_near
    assert (shown.collect.random_steps, shown.collect.noise_eps) == (0, 0.2)
    assert HERConfig().run.preset == "laptop"  # whose values these are
    assert push.collect.random_steps == 2_000 and push.relay.relay
    started = from_flags(env="FetchPush", load_path="policy.pkl")
    assert started.collect.random_steps == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"polyak": 1.5}, "polyak must be at most 1, found 1.5"),
        ({"num_env": 0}, "num_env must be at least 1, found 0"),
        ({"norm_eps": 0}, "norm_eps must be above 0"),
        ({"Q_lr": float("nan")}, "Q_lr must be at least 0, found nan"),
        ({"seed": 1.5}, "seed must be a whole number, found 1.5"),
        ({"seed": True}, "seed must be a whole number"),
        ({"play": "maybe"}, "play must be 0 or 1, found 'maybe'"),
        ({"gamma": "big"}, "gamma must be a number, found 'big'"),
        ({"preset": "labtop"}, "did you mean laptop"),
        ({"replay_strategy": "futur"}, "did you mean future"),
        ({"per": 1, "prioritization": "energy"}, "per is short for prioritization=td"),
        ({"per": "maybe"}, "per must be 0 or 1, found 'maybe'"),
        ({"prioritization": "tderrors"}, "did you mean tderror"),
        ({"per_eps": 0}, "per_eps must be above 0, found 0"),
        ({"per_alpha": 1.1}, "per_alpha must be at most 1"),
        ({"per": 1, "per_chunk": 7}, "per_chunk must divide n_batches, found 7 and 40"),
        ({"noise": "gausian"}, "did you mean gaussian"),
        ({"ou_dt": 0}, "ou_dt must be above 0"),
        ({"episodes": 0}, "episodes must be at least 1"),
        ({"polyack": 0.9}, "unknown setting polyack; did you mean polyak"),
    ],
)
def test_impossible_settings_are_refused_in_one_sentence(flags, message):
    with pytest.raises(ValueError, match=message) as caught:
        from_flags(**flags)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"per_chunk": 8}, "per_chunk has no effect with prioritization=uniform"),
        ({"per_alpha": 0.6}, "per_alpha has no effect with prioritization=uniform"),
        ({"per_beta0": 1, "prioritization": "energy"}, "Set prioritization=tderror"),
        ({"per_eps": 1}, "Set prioritization=tderror or energy, or drop per_eps"),
        ({"ou_theta": 0.3}, "ou_theta has no effect with noise=gaussian"),
        ({"ou_dt": 0.3, "noise": "none"}, "Set noise=ou, or drop ou_dt"),
        ({"noise_eps": 0.3, "noise": "none"}, "Set noise=gaussian or ou, or drop"),
        ({"actual_k": 2}, "actual_k has no effect with replay_strategy=future"),
        ({"achieved_k": 2}, "Set replay_strategy=futureactual, or drop achieved_k"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(flags, message):
    config = from_flags(**flags)  # files may hold them
    with pytest.raises(ValueError, match=message) as caught:
        require_effects(config, flags)
    assert "\n" not in str(caught.value)


def test_settings_that_do_something_are_taken():
    for flags in (
        {"per": True, "per_alpha": 0.5, "per_eps": 0.1, "per_chunk": 8},
        {"prioritization": "energy", "per_eps": 0.1},
        {"noise": "ou", "ou_theta": 0.3, "ou_dt": 0.1, "noise_eps": 0.1},
        {"replay_strategy": "futureactual", "actual_k": 1, "achieved_k": 0},
    ):
        require_effects(from_flags(**flags), flags)


@pytest.mark.parametrize("text", ["2.5e6", "2500000", "+2500000"])
def test_whole_numbers_may_be_written_with_an_exponent(text):
    assert parse_flags([f"--num_timesteps={text}"]) == {"num_timesteps": 2_500_000}


def test_a_number_that_may_be_missing_is_taken_back_with_none():
    assert parse_flags(["--stop_at=none", "--gamma=None"]) == {
        "stop_at": None,
        "gamma": None,
    }
    with pytest.raises(SystemExit):
        parse_flags(["--seed=none"])
    assert parse_flags(["--log_path=none"]) == {"log_path": "none"}


@pytest.mark.parametrize("words", [["--play"], ["--play=1"], ["--play", "True"]])
def test_switches_may_be_bare_or_have_a_value(words):
    assert parse_flags(words) == {"play": True}
    assert parse_flags(["--play=0", "--seed=1"]) == {"play": False, "seed": 1}


@pytest.mark.parametrize("words", [["--per"], ["--per=True"], ["--per", "1"]])
def test_per_is_short_for_prioritisation_by_td_errors(words):
    config = from_flags(**parse_flags(words))
    assert config.replay.prioritization == "tderror"
    assert config == from_flags(prioritization="tderror")
    assert config == with_flags(from_flags(), per=True)
    assert "per" not in to_flags(config)
    assert from_flags(per="0").replay.prioritization == "uniform"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--seeds=3", "unknown argument --seeds; did you mean --seed"),
        ("--num_timestep=3", "did you mean --num_timesteps"),
        ("--seed=three", "--seed must be a whole number, found 'three'"),
        ("FetchPush", "unknown argument FetchPush"),
    ],
)
def test_bad_arguments_end_with_one_sentence_and_code_2(argument, message, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_flags([argument])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_help_names_every_flag_with_its_group_and_default():
    algorithm = entry("her")
    text = build_parser(algorithm).format_help()
    for name, field in fields_of(algorithm.settings).items():
        assert f"--{name}" in text
        assert field.metadata["help"].split()[0] in text
    assert "the learner:" in text
    assert "(default: 0.95)" in text


def test_a_command_ends_with_0_or_with_130_after_ctrl_c(capsys):
    def end(error):
        if error:
            raise error

    assert run_command(end, None) == 0
    assert run_command(end, error=KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    "error",
    [MemoryError(), ImportError("libtensorflow_cc.so.2: failed to map segment")],
)
def test_too_little_memory_is_one_sentence_and_code_2(error, capsys):
    def fail():
        raise error

    with pytest.raises(SystemExit) as caught:
        run_command(fail)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("error: there is too little memory")


def test_another_import_error_keeps_its_traceback():
    def fail():
        raise ImportError("no module")

    with pytest.raises(ImportError):
        run_command(fail)


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, OSError])
def test_what_a_user_can_mend_is_one_sentence_and_code_2(kind, capsys):
    def fail():
        raise kind("mend it")

    with pytest.raises(SystemExit) as caught:
        run_command(fail)
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: mend it\n"


@pytest.mark.parametrize("name", sorted(fields_of(HERConfig)))
def test_every_number_has_an_upper_limit(name):
    """A saved run is resumed with the numbers that its file names."""
    field = fields_of(HERConfig)[name]
    if any(kind in str(field.type) for kind in ("int", "float")):
        assert field.metadata["high"] is not None
        with pytest.raises(ValueError, match=f"{name} must be at most"):
            from_flags(**{"env": "FetchReach", name: 1e300})
