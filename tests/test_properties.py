"""Random inputs against slow, obvious references; HYPOTHESIS_EXAMPLES makes more."""

import os

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from baselines_her.acting.normalizer import Moments, moments, stats
from baselines_her.config import from_flags, to_flags
from baselines_her.her_sampler import Hindsight, future_p, goal_steps, relabel
from baselines_her.replay.buffer import ReplayBuffer
from baselines_her.replay.priority import SumTree
from baselines_her.runs.arrays import pack, unpack
from baselines_her.types import EnvSpec, Episodes, Index

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
floats = st.floats(-1e3, 1e3, width=32)


def episodes_of(numbers, horizon):
    """Episodes whose every number tells which it is."""
    e = np.array(numbers)[:, None, None]
    t = np.arange(horizon + 1)[None, :, None]
    achieved = (1000 * e + t).astype(np.float32)
    action = -achieved[:, :-1]
    success = np.zeros(action.shape[:2], bool)
    return Episodes(2 * achieved, achieved, achieved[:, 0] - 0.5, action, success)


@many
@given(st.integers(1, 6), st.integers(1, 5), st.lists(st.integers(1, 4), max_size=8))
def test_the_ring_holds_what_a_list_would(capacity, horizon, batches):
    spec = EnvSpec("E-v0", 1, 1, 1, (1.0,), horizon, -1.0, 0.0)
    buffer, kept, n = ReplayBuffer(spec, capacity * horizon), {}, 0
    for size in batches:
        size = min(size, capacity)
        slots = buffer.add(episodes_of(range(n, n + size), horizon))
        for slot, number in zip(slots, range(n, n + size)):
            kept[slot] = number
        n += size
        assert len(buffer) == min(n, capacity)
        assert set(kept.values()) == set(range(max(0, n - capacity), n))
        for slot, number in kept.items():
            one = episodes_of([number], horizon)
            np.testing.assert_array_equal(buffer.obs[slot], one.obs[0])
            np.testing.assert_array_equal(buffer.action[slot], one.action[0])
            np.testing.assert_array_equal(buffer.goal[slot], one.goal[0])


@many
@given(
    *(st.integers(1, 5), st.integers(1, 8), st.integers(0, 30)),
    st.sampled_from(["future", "final", "episode", "none"]),
    *(st.floats(0, 10), st.booleans(), st.integers(0, 2**32)),
)
def test_relabelling_is_what_a_loop_would_do(n, horizon, rows, strategy, k, rel, seed):
    episodes, rng = episodes_of(range(n), horizon), np.random.default_rng(seed)
    index = Index(rng.integers(n, size=rows), rng.integers(horizon, size=rows))
    share = future_p(strategy, k)

    def reward(achieved, goal):
        return -(np.abs(achieved - goal)[:, 0] > 0.25).astype(np.float32)

    batch = relabel(
        *(episodes, index, reward, np.random.default_rng(seed)),
        Hindsight(strategy, share, relative_goals=rel),
    )
    again = np.random.default_rng(seed)
    chosen = np.flatnonzero(again.random(rows) < share)
    later = goal_steps(index.step[chosen], horizon, strategy, again)
    new = dict(zip(chosen, later))
    for row, (e, t) in enumerate(zip(*index)):
        goal = episodes.achieved[e, new[row]] if row in new else episodes.goal[e]
        assert row not in new or t < new[row] <= horizon or strategy == "episode"
        assert row not in new or 1 <= new[row] <= horizon
        offset = episodes.achieved[e, t] if rel else 0
        next_offset = episodes.achieved[e, t + 1] if rel else 0
        assert batch.goal[row] == goal - offset
        assert batch.next_goal[row] == goal - next_offset
        expected = 0.0 if abs(episodes.achieved[e, t + 1] - goal)[0] <= 0.25 else -1.0
        assert batch.reward[row] == expected
        assert batch.obs[row] == episodes.obs[e, t]
        assert batch.next_obs[row] == episodes.obs[e, t + 1]
        assert batch.action[row] == episodes.action[e, t]


@many
@given(
    *(st.integers(1, 70), st.integers(1, 70), st.lists(st.integers(1, 40), max_size=4)),
    *(st.integers(0, 12), st.integers(0, 2**32)),
)
def test_the_sum_tree_draws_what_a_loop_would(capacity, filled, changes, decades, seed):
    rng, filled = np.random.default_rng(seed), min(filled, capacity)
    tree, kept = SumTree(capacity), [1.0] * filled
    tree.set(np.arange(filled), 1.0)
    for n in changes:
        slots = rng.integers(filled, size=n)
        priorities = 10.0 ** rng.uniform(-decades / 2, decades / 2, size=n)
        tree.set(slots, priorities)
        for slot, priority in zip(slots, priorities):
            kept[slot] = priority
    np.testing.assert_array_equal(tree.priorities, kept)
    edges = np.cumsum([0.0, *kept])
    slack = 1e-12 * edges[-1]
    assert abs(tree.total - edges[-1]) <= slack
    mass = np.append(rng.random(8), [0.0, 1.0]) * tree.total
    slots = tree.find(mass)
    assert (slots < filled).all()
    assert (edges[slots] - slack <= mass).all()
    assert (mass <= edges[slots + 1] + slack).all()


@many
@given(
    arrays(np.float32, st.tuples(st.integers(1, 20), st.just(3)), elements=floats),
    st.integers(0, 20),
)
def test_moments_merge_as_if_seen_at_once(rows, cut):
    first, second = moments(rows[:cut]), moments(rows[cut:])
    merged = stats(Moments(*map(np.add, first, second)), 0.01)
    np.testing.assert_allclose(merged.mean, rows.astype(float).mean(0), atol=1e-3)
    expected = np.maximum(rows.astype(float).std(0), 0.01)
    np.testing.assert_allclose(merged.std, expected, rtol=1e-3, atol=2e-2)


@many
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "actor/0/kernel"]),
        arrays(
            st.sampled_from([np.float32, np.float64, np.int64]),
            array_shapes(min_dims=0, max_dims=3, max_side=4),
            elements=st.integers(-5, 5),
        ),
        min_size=1,
    )
)
def test_arrays_survive_their_bytes(named):
    found = unpack(pack(named), {name: array.shape for name, array in named.items()})
    for name, array in named.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@many
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "seed": st.integers(0, 2**40),
            "num_env": st.integers(1, 100),
            "batch_size": st.integers(129, 5000),
            "gamma": st.one_of(st.none(), st.floats(0, 1)),
            "polyak": st.floats(0, 1),
            "replay_strategy": st.sampled_from(["future", "final", "episode", "none"]),
            "pipelined": st.booleans(),
            "demo_file": st.one_of(st.none(), st.text(min_size=1)),
            "preset": st.sampled_from(
                ["laptop", "plappert2018", "laptop_demos", "tuned_demos"]
            ),
            "log_path": st.one_of(st.none(), st.text(min_size=1)),
        },
    )
)
def test_settings_survive_json(flags):
    import json

    if flags.get("preset", "").endswith("_demos") and flags.get("demo_file") is None:
        flags = {**flags, "demo_file": "demos.npz"}
    config = from_flags(**flags)
    again = from_flags(**json.loads(json.dumps(to_flags(config))))
    assert again == config
    for name, value in flags.items():
        assert to_flags(again)[name] == value
