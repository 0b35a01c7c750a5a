"""The reward's terms by numbers worked out by hand, and what they may not pay for."""

import numpy as np
import pytest

from baselines_her.envs.anymal import rewards
from baselines_her.envs.anymal.rewards import Motion, weighted


def motion(**fields):
    """One robot that stands still, is level and told to stand, but for `fields`."""
    widths = {
        **{"velocity": 3, "spin": 3, "gravity": 3, "command": 3, "touching": 8},
        **{"landed_after": 4, "in_air": 4},
    }
    scalars = "advance", "height", "clearance"
    names = Motion._fields
    found = {name: np.zeros((1, widths.get(name, 12))) for name in names}
    found |= {name: np.zeros(1) for name in scalars}
    found["gravity"] = np.array([[0.0, 0.0, -1.0]])
    found["clearance"] = np.array([0.53])
    found |= {name: np.array([value], float) for name, value in fields.items()}
    found["touching"] = found["touching"].astype(bool)
    return Motion(**found)


def first(entries, size):
    return [*entries, *([0.0] * (size - len(entries)))]


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        # errors of 0.3 and 0.1: exp(-(0.09 + 0.01) / 0.15)
        ("velocity", {"velocity": [0.7, 0.1, 9], "command": [1, 0, 9]}, np.exp(-2 / 3)),
        ("alive", {}, 1.0),
        ("planted", {"in_air": [0, 0.08, 0.02, 0], "command": [0.5, 0, 0]}, 1.0),
        ("planted", {"in_air": [0, 0.12, 0.02, 0], "command": [0.5, 0, 0]}, 0.0),
        ("planted", {}, 0.0),
        ("low", {"clearance": 0.4}, 0.01),
        ("low", {"clearance": 0.6}, 0.0),
        ("forward", {"velocity": [0.25, 0, 0], "command": [1, 0, 0]}, 0.25),
        ("forward", {"velocity": [3, 0, 0], "command": [1, 0, 0]}, 1.0),
        ("forward", {"velocity": [-1, 0, 0], "command": [1, 0, 0]}, 0.0),
        ("forward", {"velocity": [1, 0, 0], "command": [0.1, 0, 0]}, 0.0),
        ("turn", {"spin": [9, 9, 0.5], "command": [0, 0, 0]}, np.exp(-1)),
        (
            "turn",  # half of the speed, half of the reward
            {"spin": [0, 0, 0.5], "command": [1, 0, 0.5], "velocity": [0.5, 0, 0]},
            0.5,
        ),
        ("bounce", {"velocity": [5, 5, -3]}, 9.0),
        ("sway", {"spin": [1, -2, 7]}, 5.0),
        ("tilt", {"gravity": [0.6, 0, -0.8]}, 0.36),
        ("torque", {"torque": first([3, -4], 12)}, 25.0),
        ("power", {"torque": first([3, -4], 12), "speed": first([2, 5], 12)}, 26.0),
        ("jerkiness", {"acceleration": first([1, 2], 12)}, 5.0),
        (
            "action_rate",
            {"action": first([1, 1], 12), "action_before": first([-1, 0.5], 12)},
            4.25,
        ),
        # feet that stay where they are (0) do not count
        ("air_time", {"landed_after": [0.7, 0.1, 0, 0], "command": [1, 0, 0]}, -0.2),
        ("air_time", {"landed_after": [0.7, 0.1, 0, 0], "command": [0, 0, 0]}, 0.0),
        ("contact", {"touching": [1, 0, 0, 1, 0, 1, 0, 0]}, 3.0),
        # the first joint of each leg: 0, 3, 6, 9
        ("pose", {"offset": first([0.1, 5, 5, -0.2], 12)}, 0.05),
        ("stand_still", {"offset": first([0.1, 0.2], 12)}, 0.05),
        ("stand_still", {"offset": first([1, 2], 12), "command": [1, 0, 0]}, 0.0),
    ],
)
def test_each_term_has_its_value(name, fields, expected):
    found = rewards.TERMS[name](motion(**fields))
    assert found.shape == (1,)
    np.testing.assert_allclose(found, [expected], atol=1e-12)


def test_every_term_has_a_weight_and_every_weight_a_term():
    weights = [rules.weights for rules in rewards.RULES.values()]
    assert set().union(*weights) == {*rewards.TERMS}


def test_terms_are_weighted_and_multiplied_by_the_time_of_a_step():
    weights = {"bounce": -2.0, "forward": 0.5}
    state = motion(velocity=[1, 0, 3], command=[2, 0, 0])
    np.testing.assert_allclose(weighted(state, weights, 0.02), [[-0.36, 0.005]])


def test_a_reward_is_the_sum_of_its_terms_but_never_negative():
    parts = np.array([[1.0, -0.25], [0.5, -2.0], [1.0, 1.0]])
    fell = np.array([False, False, True])
    found = rewards.total(parts, fell, rewards.RULES["tracking"])
    np.testing.assert_allclose(found, [0.75, 0.0, 0.0])


def test_the_student_projects_reward_sums_speed_and_height_over_physics_steps():
    """5 steps of 2 ms at 1.8 m/s and 0.6 m: 5 * (1.8 + 0.6 - 0.5) = 9.5."""
    rules = rewards.RULES["aidl2023"]
    assert (rules.dt, rules.seconds) == (0.01, 8.0)
    state = motion(advance=1.8, height=0.6)
    parts = weighted(state, rules.weights, rules.dt)
    found = rewards.total(parts, np.array([False]), rules)
    np.testing.assert_allclose(found, [9.5])
    np.testing.assert_allclose(rewards.total(parts, np.array([True]), rules), [-90.5])
    back = motion(advance=-1.0, height=0.5)
    parts = weighted(back, rules.weights, rules.dt)
    np.testing.assert_allclose(rewards.total(parts, np.array([False]), rules), [-5.0])


@pytest.mark.parametrize("speed", [0.5, 1.0, 1.5])
def test_standing_still_earns_less_than_a_third_of_walking_as_told(speed):
    def earned(**fields):
        state = motion(command=[speed, 0, 0], **fields)
        parts = weighted(state, rewards.WEIGHTS, 1.0)
        return rewards.total(parts, np.array([False]), rewards.RULES["tracking"])[0]

    assert 0 <= earned() < earned(velocity=[speed, 0, 0]) / 3


def test_walking_backwards_earns_less_than_stepping_on_the_spot():
    def earned(v):
        step = [0.2, 0, 0, 0]
        state = motion(command=[1, 0, 0], velocity=[v, 0, 0], in_air=step)
        parts = weighted(state, rewards.WEIGHTS, 1.0)
        return rewards.total(parts, np.array([False]), rewards.RULES["tracking"])[0]

    assert earned(-1.0) < earned(-0.3) < earned(0.0) < earned(0.5) < earned(1.0)


def test_feet_that_tap_earn_less_than_feet_that_stand():
    def earned(*landed):
        state = motion(command=[1, 0, 0], velocity=[1, 0, 0], landed_after=landed)
        return weighted(state, rewards.WEIGHTS, 1.0).sum()

    assert earned(0.04, 0.04, 0.04, 0.04) < earned(0, 0, 0, 0) < earned(0.6, 0, 0, 0)


@pytest.mark.parametrize("speed", [0.5, 1.0, 1.5])
def test_falling_forward_earns_less_than_stepping_on_the_spot(speed):
    """Discounted by 0.99 a step; a fall of 0.8 s that ends at 60 degrees."""

    def earned(**fields):
        state = motion(command=[speed, 0, 0], **fields)
        parts = weighted(state, rewards.WEIGHTS, 0.02)
        return rewards.total(parts, np.array([False]), rewards.RULES["tracking"])[0]

    fall = 0.0
    for n in range(40):
        share = n / 40
        angle = np.deg2rad(60) * share**2
        fall += 0.99**n * earned(
            velocity=[speed * share, 0, 0],
            gravity=[np.sin(angle), 0, -np.cos(angle)],
            clearance=0.53 - 0.25 * share,
        )
    on_the_spot = earned(in_air=[0.2, 0, 0, 0]) / (1 - 0.99)
    assert 0 < fall < on_the_spot / 2
