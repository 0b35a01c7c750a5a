"""Rows as TensorBoard shows them; what goes wrong there stops no training."""

import pytest

from baselines_her.runs.logger import open_writers

accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator"
)
ROW = {"epoch": 0, "steps/env": 100, "test/success_rate": 0.25}


def write(folder, *rows, before=()):
    """Writes rows; returns what was said."""
    said = []
    writers = open_writers(folder, list(ROW), list(before), said.append)
    for row in rows:
        for writer in writers:
            writer.write(row)
    for writer in writers:
        writer.close()
    return said


def scalars(folder):
    found = accumulator.EventAccumulator(str(folder / "tb"))
    found.Reload()
    events = found.Scalars("test/success_rate")
    return [(event.step, event.value) for event in events]


def test_tensorboard_shows_plain_scalars_against_steps(tmp_path):
    later = {**ROW, "epoch": 1, "steps/env": 200, "test/success_rate": 0.5}
    assert write(tmp_path, ROW, later) == []
    assert scalars(tmp_path) == [(100, 0.25), (200, 0.5)]


def test_tensorboard_of_a_resumed_run_holds_the_rows_before(tmp_path):
    write(tmp_path, ROW, {**ROW, "steps/env": 999})
    write(tmp_path, {**ROW, "steps/env": 200}, before=[ROW])
    assert [step for step, _ in scalars(tmp_path)] == [100, 200]


def test_a_file_in_the_place_of_tensorboards_folder_is_left_alone(tmp_path):
    (tmp_path / "tb").write_text("mine")
    (said,) = write(tmp_path, ROW)
    assert said.startswith("warning: TensorBoardWriter failed and is no longer used")
    assert (tmp_path / "tb").read_text() == "mine"
    assert len((tmp_path / "progress.csv").read_text().splitlines()) == 2


def test_a_link_in_the_place_of_tensorboards_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "theirs").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tb").symlink_to(tmp_path / "elsewhere")
    (said,) = write(tmp_path / "run", ROW)
    assert "tb is a link" in said
    assert [p.name for p in (tmp_path / "elsewhere").iterdir()] == ["theirs"]


@pytest.mark.parametrize("fails_at", [0, 1, 3])
def test_a_full_disk_ends_tensorboard_with_one_line(
    tmp_path, monkeypatch, capfd, fails_at
):
    from tensorboard.summary.writer import record_writer

    write_record, count = record_writer.RecordWriter.write, [0]

    def full(self, data):
        count[0] += 1
        if count[0] > fails_at:
            raise OSError(28, "No space left on device")
        write_record(self, data)

    monkeypatch.setattr(record_writer.RecordWriter, "write", full)
    (said,) = write(tmp_path, ROW, ROW, ROW, ROW)
    assert "TensorBoardWriter failed and is no longer used: [Errno 28]" in said
    assert len((tmp_path / "progress.csv").read_text().splitlines()) == 5
    assert capfd.readouterr() == ("", "")  # no thread prints a traceback
