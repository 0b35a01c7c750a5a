"""What changes over a run."""

from trainings import SHORT, train

from baselines_her.algorithms.schedules import fade, scales
from baselines_her.config import from_flags
from baselines_her.runs.policy_file import read_policy


def test_a_factor_falls_linearly_and_stays():
    assert fade(10**9, 0, 0.0) == 1.0
    assert [fade(n, 100, 0.0) for n in (0, 25, 100, 1000)] == [1.0, 0.75, 0.0, 0.0]
    assert [fade(n, 80, 0.5) for n in (0, 40, 80, 1000)] == [1.0, 0.75, 0.5, 0.5]


def test_every_factor_has_its_own_setting():
    assert scales(10**6, from_flags()) == (1.0, 1.0)
    config = from_flags(demo_file="demos.npz", bc_fade=100, lr_fade=200)
    assert scales(50, config) == (0.5, 1.0 - 0.9 / 4)
    assert scales(200, config) == (0.0, 0.1)


def test_learning_rates_fall_in_a_run(tmp_path, eagerly):
    """They begin as they are, so the first cycle is the same; the second is not."""
    weights = {}
    for n_cycles in 1, 2:
        for lr_fade in 0, 100:
            folder = tmp_path / f"{n_cycles}_{lr_fade}"
            steps = n_cycles * SHORT["num_env"] * 12
            train(folder, **{**SHORT, "num_timesteps": steps}, lr_fade=lr_fade)
            arrays = read_policy(folder / "policy_latest.pkl").arrays
            weights[n_cycles, lr_fade] = arrays["actor/0/kernel"].tobytes()
    assert weights[1, 0] == weights[1, 100]
    assert weights[2, 0] != weights[2, 100]
