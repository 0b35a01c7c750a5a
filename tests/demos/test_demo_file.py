"""Demonstration files: ours, and OpenAI baselines' read without running them."""

import hashlib
import json
import pickle

import numpy as np
import pytest
from conftest import HORIZON, counting_episodes
from pickled_npz import legacy

from baselines_her.demos.file import demos_for, first, load_demos, write_demos
from baselines_her.demos.legacy import write_legacy
from baselines_her.demos.pickled_arrays import UnsafePickle, read_pickled_array
from baselines_her.demos.record import demos_of, join
from baselines_her.settings.her import DemoConfig


@pytest.fixture
def demos(spec):
    episodes = counting_episodes(4)
    episodes.success[1:, -1] = True
    episodes = episodes._replace(action=np.clip(episodes.action / 1000, -1, 1))
    state0 = np.arange(12.0).reshape(4, 3)
    return demos_of(episodes, [5, 6, 7, 8], state0, spec)


def assert_same(one, other):
    for name in one._fields[:-1]:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.facts == other.facts


def test_demonstrations_survive_the_file(demos, tmp_path):
    path = tmp_path / "demos.npz"
    write_demos(path, demos)
    found = load_demos(path)
    assert_same(found, demos)
    assert found.facts["versions"]["mujoco"] != "not installed"
    write_demos(path, demos._replace(state0=None))
    assert load_demos(path).state0 is None


def test_numpy_opens_the_file_without_pickle(demos, tmp_path):
    write_demos(tmp_path / "demos.npz", demos)
    with np.load(tmp_path / "demos.npz") as file:
        names = {"obs", "achieved", "goal", "action", "success", "seed", "state0"}
        assert set(file) == {*names, "meta"}
        np.testing.assert_array_equal(file["action"], demos.action)


def test_the_digest_is_that_of_version_0_1_0(demos, tmp_path):
    """Of the sorted facts, then of each array with its name: old files stay valid."""
    write_demos(tmp_path / "demos.npz", demos)
    with np.load(tmp_path / "demos.npz") as file:
        arrays = dict(file)
    facts = json.loads(arrays.pop("meta").tobytes())
    found = facts.pop("sha256")
    expected = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in "achieved", "action", "goal", "obs", "seed", "state0", "success":
        expected.update(name.encode() + b"\0" + arrays[name].tobytes())
    assert found == expected.hexdigest()


def test_joined_demonstrations_stand_in_their_order(demos):
    both = join([first(demos, 1), demos], generator="twice")
    assert both.seed.tolist() == [5, 5, 6, 7, 8]
    assert both.state0[:2].tolist() == [[0, 1, 2], [0, 1, 2]]
    assert both.facts["generator"] == "twice"


def test_a_damaged_file_is_refused_or_proven_identical(demos, tmp_path):
    path, rng = tmp_path / "demos.npz", np.random.default_rng(0)
    write_demos(path, demos)
    good = path.read_bytes()
    for _ in range(200):
        data = bytearray(good)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            found = load_demos(path)
        except ValueError as error:
            assert "is not a demonstration file" in str(error)
        else:
            assert_same(found, demos)
    for length in rng.integers(len(good), size=50):
        path.write_bytes(good[:length])
        with pytest.raises(ValueError, match="is not a demonstration file"):
            load_demos(path)


def test_demonstrations_with_nan_are_refused(demos, tmp_path):
    bad = demos._replace(obs=demos.obs.copy())
    bad.obs[2, 1, 0] = np.nan
    with pytest.raises(ValueError, match=r"episode 2 holds .*not finite in obs"):
        write_demos(tmp_path / "demos.npz", bad)
    write_legacy(tmp_path / "old.npz", bad)
    with pytest.raises(ValueError, match=r"old.npz .*episode 2 holds a number"):
        load_demos(tmp_path / "old.npz")


@pytest.mark.parametrize(
    ("change", "flags", "message"),
    [
        ({"action": 3.0}, {}, r"actions within \+-1, found 3 in episode 1, step 2"),
        ({}, {"num_demo": 5}, "at least 5 episodes, found 4.*--num_demo=4"),
        ({"env_id": "FetchPush-v4"}, {}, "of Counting-v0 .*found FetchPush-v4"),
        ({"cut": 4}, {}, r"\(5, 2, 1, 1\)\), found Counting-v0 \(4, 2, 1, 1\)"),
        ({"state0": None}, {"demo_resets": 0.5}, "demo_resets needs start states"),
    ],
)
def test_what_does_not_fit_is_named(demos, spec, tmp_path, change, flags, message):
    if "action" in change:
        demos.action[1, 2, 0] = change["action"]
    if "cut" in change:
        k = change["cut"]
        demos = demos._replace(
            obs=demos.obs[:, : k + 1],
            achieved=demos.achieved[:, : k + 1],
            action=demos.action[:, :k],
        )
    if "env_id" in change:
        demos = demos._replace(facts={**demos.facts, **change})
    if "state0" in change:
        demos = demos._replace(state0=None)
    path = str(tmp_path / "demos.npz")
    write_demos(path, demos)
    config = DemoConfig(demo_file=path, **{"num_demo": 4, **flags})
    with pytest.raises(ValueError, match=message) as raised:
        demos_for(config, spec)
    assert path in str(raised.value)


def test_only_the_wanted_number_is_used(demos, spec, tmp_path):
    path = str(tmp_path / "demos.npz")
    write_demos(path, demos)
    found, warnings = demos_for(DemoConfig(demo_file=path, num_demo=2), spec)
    assert found.seed.tolist() == [5, 6]
    assert len(found.state0) == len(found.goal) == 2
    assert warnings == []


def test_other_physics_only_warn(demos, spec, tmp_path):
    path = str(tmp_path / "demos.npz")
    versions = {**demos.facts["versions"], "mujoco": "3.3.1"}
    write_demos(path, demos._replace(facts={**demos.facts, "versions": versions}))
    found, warnings = demos_for(DemoConfig(demo_file=path, num_demo=4), spec)
    assert len(found.goal) == 4
    assert "made with mujoco < 3.7, this is mujoco >= 3.7" in warnings[0]


# -- OpenAI baselines' format -------------------------------------------------


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("compressed", [True, False])
def test_legacy_files_are_read(tmp_path, protocol, compressed):
    demos = load_demos(legacy(tmp_path / "old.npz", protocol, compressed))
    expected = counting_episodes(3)
    np.testing.assert_array_equal(demos.obs, expected.obs)
    np.testing.assert_array_equal(demos.achieved, expected.achieved)
    np.testing.assert_array_equal(demos.goal, expected.goal)
    np.testing.assert_allclose(demos.action[:, 0, 0], [0.0, 0.1, 0.2], atol=1e-7)
    assert demos.success.tolist() == [True, False, True]
    assert demos.state0 is None


def test_numpy_itself_reads_what_is_written_in_the_legacy_format(demos, tmp_path):
    write_legacy(tmp_path / "old.npz", demos)
    with np.load(tmp_path / "old.npz", allow_pickle=True) as file:
        assert file["obs"].shape == (4, HORIZON + 1)
        np.testing.assert_array_equal(file["obs"][2, 3]["observation"], demos.obs[2, 3])
        assert file["info"][1, HORIZON - 1]["is_success"] == 1.0
    found = load_demos(tmp_path / "old.npz")
    np.testing.assert_array_equal(found.obs, demos.obs)
    np.testing.assert_array_equal(found.success, demos.success)


class Runs:
    """A pickle of this runs code when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_legacy_file_is_not_run(tmp_path):
    trap = tmp_path / "trap"
    evil = pickle.dumps(np.array([[Runs(trap)] * 6] * 3, object), protocol=4)
    path = legacy(tmp_path / "old.npz", obs=evil)
    with pytest.raises(ValueError, match=r"old.npz .*names (_io|io)\.open"):
        load_demos(path)
    assert not trap.exists()
    with np.load(path, allow_pickle=True) as file:
        file["obs"]
    assert trap.exists()  # the trap works: only our reader does not fall into it


def test_ragged_legacy_files_are_refused(tmp_path):
    ragged = np.empty(2, object)
    ragged[:] = [[[0.0]] * 5, [[0.0]] * 4]
    path = legacy(tmp_path / "a.npz", acs=ragged)
    with pytest.raises(ValueError, match="its episodes differ in length"):
        load_demos(path)
    rows = np.empty(3, object)
    rows[:] = [[{}] * 6, [{}] * 5, [{}] * 6]
    path = legacy(tmp_path / "b.npz", obs=rows)
    with pytest.raises(ValueError, match="episode 1 must have 6 entries in obs, found"):
        load_demos(path)


def test_a_legacy_goal_that_moves_is_refused(tmp_path):
    old = legacy(tmp_path / "old.npz")
    with np.load(old, allow_pickle=True) as file:
        obs = file["obs"]
    obs[1, 3]["desired_goal"] = obs[1, 3]["desired_goal"] + 1
    with pytest.raises(ValueError, match="episode 1 changes its goal"):
        load_demos(legacy(old, obs=obs))


@pytest.mark.parametrize(
    "program",
    [
        b"cnumpy\nload\n(S'x'\ntR.",
        b"\x80\x04cbuiltins\neval\n\x8c\x011\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.",
        b"\x80\x04\x82\x01.",
        b"\x80\x04P0\n.",
        b"\x80\x04]]a.",
        b"\x80\x04" + b"(" * 1000,
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\x00\x00\x00.",
        b"",
    ],
)
def test_other_programs_are_refused(program):
    with pytest.raises(UnsafePickle):
        read_pickled_array(program, 10_000)


def test_an_array_cannot_ask_for_memory_that_is_not_there():
    def asks(shape, data=b""):
        class Asks:
            def __reduce__(self):
                state = (1, shape, np.dtype("f8"), False, data)
                return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), state

        return pickle.dumps(Asks(), protocol=4)

    assert read_pickled_array(asks((2,), bytes(16)), 1000).tolist() == [0.0, 0.0]
    with pytest.raises(UnsafePickle, match="with 0 bytes"):
        read_pickled_array(asks((10**9, 1000)), 1000)
    with pytest.raises(UnsafePickle, match="more than 5 opcodes"):
        read_pickled_array(asks((2,), bytes(16)), 5)


@pytest.mark.parametrize(
    "shape", [("x" * 1000, 2_000_000), (bytes(1000), 2_000_000), (2**2000,) * 5000, 3]
)
def test_a_shape_is_checked_before_it_is_multiplied(shape):
    class Asks:
        def __reduce__(self):
            state = (1, shape, np.dtype("O"), False, [])
            return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), state

    with pytest.raises(UnsafePickle, match="an array of an impossible shape"):
        read_pickled_array(pickle.dumps(Asks(), protocol=4), 20_000)


def test_what_is_refused_is_told_in_a_few_words():
    with pytest.raises(UnsafePickle) as caught:
        read_pickled_array(b"\x80\x04F" + b"x" * 100_000 + b"\n.", 10)
    assert len(str(caught.value)) < 200
