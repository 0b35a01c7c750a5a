"""A policy of the robot is trained, commanded and measured, as a user does it."""

import json

import pytest

import baselines_her
from baselines_her import play


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    """A policy after one iteration, which can only fall."""
    result = baselines_her.train(
        "AnymalC",
        alg="ppo",
        num_timesteps=64,
        num_env=2,
        nsteps=32,
        batch_size=32,
        noptepochs=1,
        hidden_sizes="8",
        n_cycles=1,
        n_test_rollouts=1,
        steppers=1,
        env_kwargs='{"seconds": 0.5, "push": 0}',
        log_path=tmp_path_factory.mktemp("run"),
        quiet=True,
    )
    assert result.rows[0]["test/length"] <= 25  # the keywords arrived
    assert "reward/velocity" in result.rows[0]
    return result.best_policy


def printed(capsys, *words):
    try:
        code = play.main([str(word) for word in words])
    except SystemExit as end:
        code = end.code
    told = capsys.readouterr()
    return code, told.out + told.err


def test_play_reports_what_the_environment_measures(policy, capsys):
    keywords = json.dumps({"seconds": 0.2})
    code, told = printed(
        capsys, policy, "--episodes=2", "--metrics", "--env_kwargs", keywords
    )
    assert code == 0
    assert "episode   2: return" in told and ", 10 steps" in told
    for name in ("speed", "speed_error", "fell", "transport", "drift", "crossed"):
        assert any(line.split()[:1] == [name] for line in told.splitlines()), name


def test_a_policy_trained_with_keywords_says_so_when_they_are_not_given(policy, capsys):
    _, told = printed(capsys, policy, "--episodes=1")
    assert "trained with --env_kwargs=" in told and "seconds" in told


def test_a_command_reaches_the_robot(policy, capsys):
    """The error of a robot that hardly moves is the commanded speed."""
    errors = []
    for command in ("0,0,0", "1.4,0,0"):
        _, told = printed(
            capsys, policy, "--episodes=1", "--metrics", f"--command={command}"
        )
        row = next(x for x in told.splitlines() if x.split()[:1] == ["speed_error"])
        errors.append(float(row.split()[1]))
    assert errors[1] - errors[0] > 0.5


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--command=1,0"], "command must be three numbers"),
        (["--command=fast,0,0"], "command must be three numbers"),
        (["--env_kwargs=[1]"], "env_kwargs must be a JSON object"),
        (["--env_kwargs={oops"], "env_kwargs must be a JSON object"),
        (['--env_kwargs={"render_mode": "human"}'], "must not hold render_mode"),
        (['--env_kwargs={"spead": 1}'], "unknown setting spead"),
        (['--env_kwargs={"push": -1}'], "push must be 0 to 5"),
    ],
)
def test_bad_words_are_refused_in_one_sentence(policy, capsys, words, reason):
    code, told = printed(capsys, policy, "--episodes=1", *words)
    assert code != 0 and reason in told and "Traceback" not in told
    assert "not registered" not in told
