"""The typed flags of `train` are those of the settings."""

from typing import get_args, get_type_hints

from flags_text import TARGET, all_flags, flags_text

from baselines_her.settings.flags import AnyPath, TrainFlags


def test_the_file_of_typed_flags_is_up_to_date():
    """Run tests/settings/flags_text.py if this fails."""
    assert TARGET.read_text() == flags_text()


def test_every_setting_has_a_typed_flag():
    assert set(TrainFlags.__annotations__) == set(all_flags())
    assert TrainFlags.__required_keys__ == set()


def test_types_are_those_of_the_settings():
    hints = get_type_hints(TrainFlags)
    assert hints["num_timesteps"] is int
    assert hints["gamma"] == float | None
    assert hints["per"] is bool
    assert get_args(hints["noise"]) == ("gaussian", "ou", "none")
    paths = {name for name, hint in hints.items() if hint == AnyPath | None}
    assert paths == {"log_path", "save_path", "load_path", "resume", "demo_file"}
