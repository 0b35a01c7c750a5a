"""The space of a sweep: from the settings, from a file, and what is drawn of it."""

import pytest

from baselines_her.algorithms import NAMES, entry
from baselines_her.config import fields_of
from baselines_her.settings.fields import check_value
from baselines_her.sweep.space import Dimension, default_space, read_space, suggest

PPO, HER = entry("ppo"), entry("her")


class First:
    """A trial that draws the first choice and the lower end."""

    def suggest_categorical(self, name, choices):
        return choices[0]

    def suggest_int(self, name, low, high, *, log):
        return low

    def suggest_float(self, name, low, high, *, log):
        return low


def written(tmp_path, text):
    path = tmp_path / "space.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("alg", NAMES)
def test_the_usual_space_lies_within_the_settings_ranges(alg):
    fields = fields_of(entry(alg).settings)
    space = default_space(entry(alg))
    assert len(space) >= 8
    for name, low, high, log, _, choices in space:
        values = choices or (low, high)
        assert [check_value(fields[name], value) for value in values] == [*values]
        assert choices or (low < high and (low > 0 or not log))


def test_a_file_gives_ranges_choices_and_the_settings_own_range(tmp_path):
    text = "[lr]\nlow = 1e-4\nhigh = 1e-2\nlog = true\n[nsteps]\nchoices = [64, 128]\n"
    text += "[noptepochs]\nlow = 2\nhigh = 6\n[cliprange]\n[lam]\nlow = 0.9"
    assert read_space(written(tmp_path, text), PPO) == [
        Dimension("lr", 1e-4, 1e-2, log=True),
        Dimension("nsteps", choices=(64, 128)),
        Dimension("noptepochs", 2, 6, is_whole=True),
        Dimension("cliprange", 0.1, 0.4),
        Dimension("lam", 0.9, 0.99),  # the upper end is the setting's own
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must name at least one setting"),
        ("[lr", "cannot be read"),
        ("[cliprang]\nlow = 1\nhigh = 2", "cannot be swept.*cliprange"),
        ("[seed]\nlow = 1\nhigh = 2", "seed cannot be swept"),
        ("lr = 3", "lr must be a table"),
        ("[lr]\nlow = 1e-3\nhigh = 1e-4", r"\[lr\]: low must be below high"),
        ("[lr]\nlow = 0\nhigh = 1\nlog = true", "above 0 with log"),
        ("[lr]\nlow = -1\nhigh = 1", "lr must be at least 0"),
        ("[lr]\nminimum = 1", "a dimension has low, high, log, choices"),
        ("[lr]\nchoices = [1e-3]", "two values or more"),
        ("[lr]\nchoices = [1e-3, 'fast']", "lr must be a number"),
        ("[clip_value]", "no search range of its own"),
        ("[clip_value]\nlow = 0\nhigh = 1", "low must be below high"),
        ("[nsteps]\nlow = 1.5\nhigh = 8", "nsteps must be a whole number"),
    ],
)
def test_bad_spaces_are_refused_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_space(written(tmp_path, text), PPO)
    with pytest.raises(ValueError, match="cannot be read"):
        read_space(tmp_path / "missing.toml", PPO)


def test_a_setting_without_effect_is_not_drawn():
    space = [
        Dimension("prioritization", choices=("tderror", "uniform")),
        Dimension("per_alpha", 0.2, 0.9),
        Dimension("n_batches", 10, 20, is_whole=True),
    ]
    given = {"env": "FetchPush", "preset": "laptop"}
    drawn = suggest(First(), space, given, HER)
    assert drawn == {"prioritization": "tderror", "per_alpha": 0.2, "n_batches": 10}
    given |= {"prioritization": "energy"}
    assert suggest(First(), space[1:], given, HER) == {"n_batches": 10}
    space[0] = Dimension("prioritization", choices=("uniform", "tderror"))
    assert "per_alpha" not in suggest(First(), space, {"preset": "laptop"}, HER)
