"""The memory of networks, optimisers, batches and buffer, checked before they exist."""

import dataclasses

import pytest

from baselines_her.algorithms.her_policy import learner_bytes
from baselines_her.algorithms.tasks import with_both_goals
from baselines_her.replay import buffer


def test_a_learner_takes_networks_moments_and_batches(point_spec, small_config):
    # actor 5-8-2 and critic 7-8-1: 66 and 73 numbers, each 4 times (network, target,
    # two moments); 3 updates of 16 rows of 3 + 3 + 2 + 2 + 2 + 4 numbers
    expected = 4 * (4 * (66 + 73) + 3 * 16 * 16)
    assert learner_bytes(point_spec, small_config) == expected
    replay = dataclasses.replace(small_config.replay, per_chunk=1)
    chunks = dataclasses.replace(small_config, replay=replay)
    assert learner_bytes(point_spec, chunks) == 4 * (4 * (66 + 73) + 16 * 16)


def test_a_learner_of_two_tasks_takes_more(point_spec, small_config):
    # 4 more inputs x 8 units in actor and critic, each number 4 times (network, target,
    # two moments); rows hold two goals
    more = 4 * (4 * (32 + 32) + 3 * 16 * 8)
    alone = learner_bytes(point_spec, small_config)
    assert learner_bytes(with_both_goals(point_spec), small_config) == alone + more


def test_buffer_and_learner_must_fit_into_memory_together(point_spec, monkeypatch):
    own = buffer.bytes_of(point_spec, 1200)
    monkeypatch.setattr(buffer, "total_memory", lambda: own + 100)
    buffer.require_memory(point_spec, 1200, others=100)
    with pytest.raises(ValueError, match="must fit into memory together"):
        buffer.require_memory(point_spec, 1200, others=101)
    with pytest.raises(ValueError, match=r"the replay buffer must fit.*--buffer_size"):
        buffer.require_memory(point_spec, 2400)
    monkeypatch.setattr(buffer, "total_memory", lambda: None)  # the machine is silent
    buffer.require_memory(point_spec, 2400, others=10**18)
