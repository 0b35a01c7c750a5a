"""Commands by keyboard: what the keys mean, and who can be driven."""

import gymnasium as gym
import pytest

from baselines_her.envs.driving import command_of, driver
from baselines_her.envs.faults import Refusal


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ("", (0.0, 0.0, 0.0)),
        ("W", (1.0, 0.0, 0.0)),
        ("UP LEFT_SHIFT", (1.5, 0.0, 0.0)),
        ("W A", (1.0, 0.0, 0.5)),
        ("RIGHT", (0.0, 0.0, -0.5)),
        ("A D", (0.0, 0.0, 0.0)),
    ],
)
def test_keys_make_a_command(held, expected):
    assert command_of(frozenset(held.split())) == expected


def test_only_robots_that_take_a_command_can_be_driven():
    with pytest.raises(Refusal, match=r"told how to move.*drop --drive"):
        driver(gym.make("HalfCheetah-v5"))
