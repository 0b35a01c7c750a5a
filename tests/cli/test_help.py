"""What `--help` and `--version` print, and what unknown words are answered."""

import re

import pytest

from baselines_her.algorithms import entry
from baselines_her.cli.flags import parse_flags
from baselines_her.cli.help import flags_of
from baselines_her.config import from_flags
from baselines_her.settings.synonyms import _OURS, instead

HER = entry("her")
OFTEN = {f"--{name}" for name, f in flags_of(HER).items() if f.metadata["often"]}


def printed(capsys, *arguments):
    """What the command prints before it exits with code 0."""
    with pytest.raises(SystemExit) as caught:
        parse_flags([*arguments])
    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_bare_help_shows_the_dozen_flags_that_most_users_need(capsys):
    text = printed(capsys, "--help")
    shown = set(re.findall(r"^  (--\w+) ", text, re.M))
    assert shown == OFTEN | {"--quiet", "--version", "--help"}
    assert 10 <= len(OFTEN) <= 14
    assert printed(capsys, "-h") == text


def test_help_all_shows_every_flag(capsys):
    text = printed(capsys, "--help=all")
    shown = set(re.findall(r"^  (--\w+)", text, re.M))
    assert shown >= {f"--{name}" for name in flags_of(HER)}


@pytest.mark.parametrize("arguments", [[], ["--env=FetchSlide"], ["--help=all"]])
def test_help_fits_a_terminal_of_80_columns(capsys, arguments):
    lines = printed(capsys, "--help", *arguments).splitlines()
    assert max(map(len, lines)) <= 80
    assert max(map(len, lines)) > 70  # and uses it


def test_descriptions_stand_in_one_column(capsys):
    lines = printed(capsys, "--help").splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("  --env"))
    table = lines[first : lines.index("", first)]
    indent = len(max(OFTEN, key=len)) + 4
    for line in table:
        assert line[indent - 2 : indent] == "  ", line
        assert line[indent] != " ", line


def sets(text):
    """The settings that the preset is said to set."""
    return re.findall(r"--\w+=\S+", text.partition(" sets:\n")[2].partition("\n\n")[0])


def test_help_shows_what_the_preset_sets_for_the_environment(capsys):
    text = printed(capsys, "--help", "--env=FetchPush")
    assert "Preset tuned for FetchPush sets:" in text
    assert "--num_timesteps=150_000" in sets(text)
    assert "--prioritization=energy" in sets(text)
    assert "(default: 150_000)" in text
    flags = {**parse_flags(sets(text)), "preset": "laptop", "env": "FetchPush"}
    tuned = from_flags(env="FetchPush", preset="tuned")
    assert from_flags(**flags).ddpg == tuned.ddpg
    assert from_flags(**flags).collect == tuned.collect


def test_help_shows_a_preset_that_needs_more_flags(capsys):
    assert "--bc_loss=1" in sets(printed(capsys, "--help", "--preset=nair2018"))


def test_help_shows_the_preset_that_the_other_flags_choose(capsys):
    text = printed(capsys, "--demo_file=demos.npz", "-h", "--env=FetchPickAndPlace")
    assert "preset tuned_demos for FetchPickAndPlace" in text
    assert "  nothing\n" in printed(capsys, "--help", "--preset=laptop", "--env=Mine")


def test_defaults_of_zero_are_shown(capsys):
    assert "seed of all random numbers (default: 0)" in printed(capsys, "--help")


def test_version_is_printed(capsys):
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", printed(capsys, "--version"))
    assert printed(capsys, "-V") == printed(capsys, "--version")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--help=everything"], "--help takes no value or `all`, found --help=every"),
        (["--help", "--preset=labtop"], "did you mean laptop"),
        (["--help", "--seeds=3"], "did you mean --seed"),
        (["--alg=hers"], "alg must be one of her, ppo, hac, found 'hers'"),
        (["--tau=0.005"], "unknown argument --tau; here it is --polyak (1 - tau)."),
        (["--lr=1e-3"], "here it is --Q_lr and --pi_lr."),
        (["--learning-rate=1e-3"], "here it is --Q_lr and --pi_lr."),
        (["--n_envs", "4"], "unknown argument --n_envs; here it is --num_env."),
        (["--total_timesteps=5"], "here it is --num_timesteps."),
        (["--seed=1.5"], "--seed must be a whole number, found '1.5'"),
    ],
)
def test_a_word_that_is_no_flag_is_answered_with_ours(capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        parse_flags(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_python_answers_words_of_other_libraries_too():
    with pytest.raises(ValueError, match=r"unknown setting lr; here it is Q_lr and pi"):
        from_flags(lr=1e-3)


def test_words_of_other_libraries_lead_to_settings_that_exist():
    known = flags_of(HER)
    for word, (ours, _) in _OURS.items():
        assert word not in known
        assert set(ours) <= {*known}, word
    assert instead("tau", ["gamma"]) == "."  # an algorithm without target networks
