"""Command lines that cannot work end before anything is loaded or begun."""

import pytest

from baselines_her.run import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--log_path="],
            "log_path must not be empty: give a value, or drop log_path.",
        ),
        (["--resume="], "resume must not be empty"),
        (["--load_path=", "--play"], "load_path must not be empty"),
        (["--save_path=none/p.pkl"], "save_path must lie in a folder that exists"),
        (["--save_path=."], "save_path must be a file, found a folder"),
        (["--save_path=file/p.pkl"], "save_path must lie in a folder that exists"),
        (["--num_env=1e9"], "num_env must be at most 10000, found 1000000000."),
        (["--num_cpu=1e9"], "num_cpu must be at most 10000"),
        (["--ou_dt=0.1"], "Set noise=ou, or drop ou_dt."),
        (["--alg=hac", "--relay"], "--relay: only alg=her has it.  Drop --relay."),
        (["--levels=2"], "--levels: only alg=hac has it.  Drop --levels."),
        (["--reset_options=[1]"], "reset_options must be a JSON object, found '[1]'."),
    ],
)
def test_a_command_that_cannot_work_is_refused_in_one_sentence(
    tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as caught:
        main(["--env=FetchReach", *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
