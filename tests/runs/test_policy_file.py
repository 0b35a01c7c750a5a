"""Policy files: whole ones come back bit for bit, all others are refused unread."""

import io
import os
import pickle
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from baselines_her.algorithms.her_policy import shapes
from baselines_her.runs.arrays import pack, unpack
from baselines_her.runs.policy_file import (
    POLICIES,
    load_policy,
    read_policy,
    read_start,
    write_policy,
)
from baselines_her.runs.policy_file import (
    policy_path as path_of,
)
from baselines_her.runs.safe_pickle import UnsafePickle, dump_flat, load_flat

EXECUTED = []


def arrays_for(spec, config):
    rng = np.random.default_rng(0)
    wanted = shapes(spec, config).items()
    arrays = {k: rng.normal(size=s).astype(np.float32) for k, s in wanted}
    for norm in ("obs_norm", "goal_norm"):
        for part in ("sum", "sumsq"):
            arrays[f"{norm}/{part}"] = np.abs(arrays[f"{norm}/{part}"].astype(float))
        arrays[f"{norm}/n_rows"] = np.array(100.0)
    return arrays


@pytest.fixture
def policy_path(tmp_path, point_spec, small_config):
    path = tmp_path / "policy.pkl"
    arrays = arrays_for(point_spec, small_config)
    write_policy(path, point_spec, small_config, arrays, {"env_steps": 7})
    return path


def test_a_policy_comes_back_bit_for_bit(policy_path, point_spec, small_config):
    file = read_policy(policy_path)
    for name, array in arrays_for(point_spec, small_config).items():
        np.testing.assert_array_equal(file.arrays[name], array)
    assert file.spec == point_spec
    assert file.config == small_config
    assert file.header["env_steps"] == 7


def test_a_loaded_policy_acts_like_its_arrays(policy_path, point_spec, small_config):
    arrays = arrays_for(point_spec, small_config)
    total = [arrays[f"obs_norm/{part}"] for part in ("sum", "sumsq", "n_rows")]
    mean = total[0] / 100
    std = np.sqrt(np.maximum(1e-4, total[1] / 100 - mean**2))
    goal_mean = arrays["goal_norm/sum"] / 100
    goal_std = np.sqrt(np.maximum(1e-4, arrays["goal_norm/sumsq"] / 100 - goal_mean**2))
    x = np.append((0.1 - mean) / std, (0.2 - goal_mean) / goal_std)
    x = np.clip(x, -5, 5)
    for target, name in (False, "actor"), (True, "target_actor"):
        hidden = np.maximum(
            x @ arrays[f"{name}/0/kernel"] + arrays[f"{name}/0/bias"], 0
        )
        expected = np.tanh(
            hidden @ arrays[f"{name}/1/kernel"] + arrays[f"{name}/1/bias"]
        )
        policy = load_policy(policy_path, use_target=target)
        found = policy.act(np.full(3, 0.1), np.zeros(2), np.full(2, 0.2))
        np.testing.assert_allclose(found, expected, atol=1e-4)
        observation = {"observation": np.full(3, 0.1), "achieved_goal": np.zeros(2)}
        observation["desired_goal"] = np.full(2, 0.2)
        np.testing.assert_allclose(policy(observation), found, atol=1e-6)


def test_anybody_can_open_one_with_plain_pickle(policy_path):
    content = pickle.loads(policy_path.read_bytes())
    assert sorted(content) == ["arrays", "format", "header", "sha256", "version"]
    assert {type(value) for value in content.values()} == {str, int, bytes}
    with np.load(io.BytesIO(content["arrays"])) as arrays:
        assert arrays["actor/0/kernel"].shape == (5, 8)


def test_every_truncation_is_refused(policy_path):
    data = policy_path.read_bytes()
    for length in [*range(0, 200), *range(200, len(data), 37)]:
        policy_path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="is not a policy file"):
            read_policy(policy_path)


def test_every_flipped_bit_is_refused(policy_path):
    data = policy_path.read_bytes()
    rng = np.random.default_rng(0)
    places = [*range(120), *rng.integers(len(data), size=400)]
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 1 << int(rng.integers(8))
        policy_path.write_bytes(damaged)
        try:
            file = read_policy(policy_path)
        except ValueError as error:
            assert "is not a policy file" in str(error)
        else:  # bits of a length of the framing do not touch the content
            policy_path.write_bytes(data)
            for name, array in read_policy(policy_path).arrays.items():
                np.testing.assert_array_equal(array, file.arrays[name])


class Payload:
    """What a stranger would hide."""

    def __reduce__(self):
        return EXECUTED.append, ("executed",)


def test_code_in_a_pickle_is_refused_and_not_executed(tmp_path, policy_path):
    content = pickle.loads(policy_path.read_bytes())
    for key in content:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            path = tmp_path / "evil.pkl"
            path.write_bytes(pickle.dumps({**content, key: Payload()}, protocol))
            with pytest.raises(ValueError, match="is not a policy file"):
                read_policy(path)
    assert EXECUTED == []


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'echo hacked'\ntR.",
        b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"}.",
        b"\x80\x04}(\x8e" + struct.pack("<Q", 2**40) + b"x.",
        b"\x80\x04}(" + b"(" * 100_000 + b".",
        b"\x80\x04]" * 50_000 + b".",
        b"\x80\x04}(\x8c\x06format\x82\x01u.",
        b"\x80\x04P1\n.",
        b"PK\x03\x04 not a pickle",
        b"",
    ],
    ids=[
        "global",
        "frame",
        "length",
        "marks",
        "nested",
        "ext",
        "persid",
        "zip",
        "empty",
    ],
)
def test_strange_pickles_are_refused(data):
    with pytest.raises(UnsafePickle):
        load_flat(data)


def test_flat_dictionaries_survive():
    values = {"a": "text", "b": b"\x00" * 100_000, "c": 1, "d": "x" * 70_000}
    assert load_flat(dump_flat(values)) == values


def rewritten(path, **changes):
    """The file at `path` with other content under a correct digest."""
    import hashlib
    import json

    content = pickle.loads(path.read_bytes())
    header = {**json.loads(content["header"]), **changes.pop("header", {})}
    content |= {"header": json.dumps(header), **changes}
    digest = hashlib.sha256(content["header"].encode() + b"\0" + content["arrays"])
    path.write_bytes(dump_flat({**content, "sha256": digest.hexdigest()}))


def test_a_module_that_a_header_names_is_not_imported(
    policy_path, point_spec, tmp_path
):
    (tmp_path / "trap_module.py").write_text("raise SystemExit('imported')")
    sys.path.insert(0, str(tmp_path))
    try:
        trap = point_spec._replace(env_id="trap_module:Trap-v0")._asdict()
        rewritten(policy_path, header={"spec": trap})
        from baselines_her.play import play

        with pytest.raises(ValueError, match=r"only a file names.*--env="):
            play(policy_path, say=lambda line: None)
    finally:
        sys.path.remove(str(tmp_path))
    assert "trap_module" not in sys.modules


@pytest.mark.parametrize(
    "spec_change",
    [
        {"obs_dim": 4},
        {"obs_dim": -3},
        {"obs_dim": 10**12},
        {"obs_dim": "3"},
        {"max_action": [1.0]},
        {"max_action": [1.0, float("inf")]},
        {"env_id": 7},
        {"reward_low": "low"},
        {"extra": 1},
    ],
)
def test_headers_that_do_not_fit_are_refused(policy_path, point_spec, spec_change):
    rewritten(policy_path, header={"spec": {**point_spec._asdict(), **spec_change}})
    with pytest.raises(ValueError, match="is not a policy file"):
        read_policy(policy_path)


def test_a_training_starts_from_policies_of_its_own_algorithm_only(policy_path):
    assert read_start(policy_path, "her").config.run.alg == "her"
    with pytest.raises(ValueError, match="of alg=ppo, found one of her"):
        read_start(policy_path, "ppo")


def test_other_formats_and_versions_are_named(policy_path):
    rewritten(policy_path, version=3)
    with pytest.raises(ValueError, match="is 3, this package reads 1 and 2"):
        read_policy(policy_path)
    rewritten(policy_path, version=2)
    with pytest.raises(ValueError, match="is 2, but those of alg=her have 1"):
        read_policy(policy_path)
    rewritten(policy_path, version=1, format="demos")
    with pytest.raises(ValueError, match="its format is 'demos'"):
        read_policy(policy_path)


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(ValueError, match="it is a folder"):
        read_policy(tmp_path)
    with pytest.raises(ValueError, match="there is no such file"):
        read_policy(tmp_path / "nothing.pkl")


def test_arrays_that_promise_more_than_they_hold_allocate_nothing():
    content = pack({"a": np.zeros(3, np.float32)})
    huge = content.replace(b"'shape': (3,)", b"'shape': (9,)")
    with pytest.raises(ValueError, match=r"^a "):
        unpack(huge, {"a": (3,)})
    with pytest.raises(ValueError, match=r"^a "):
        unpack(content, {"a": (10**12,)})


@pytest.mark.parametrize(
    "array", [np.array([1.0, np.nan, 0.0]), np.zeros(3, object), np.zeros(3, "U4")]
)
def test_arrays_of_other_kinds_are_refused(array):
    with pytest.raises(ValueError, match=r"^a "):
        unpack(pack({"a": array}), {"a": (3,)})


def test_a_policy_replaces_the_old_one_whole_or_not_at_all(
    policy_path, point_spec, small_config, monkeypatch
):
    before = policy_path.read_bytes()

    def full_disk(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    arrays = arrays_for(point_spec, small_config)
    with pytest.raises(OSError, match="No space"):
        write_policy(policy_path, point_spec, small_config, arrays, {"env_steps": 8})
    assert policy_path.read_bytes() == before
    assert [path.name for path in policy_path.parent.iterdir()] == ["policy.pkl"]


def test_a_policy_of_the_package_is_known_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert path_of("FetchPush") == POLICIES / "FetchPush.pkl"
    assert path_of("FetchPush.pkl") == Path("FetchPush.pkl")
    assert path_of("some/FetchPush") == Path("some/FetchPush")
    Path("FetchPush").touch()  # a file of one's own comes first
    assert path_of("FetchPush") == Path("FetchPush")
    with pytest.raises(ValueError, match=r"found 'FetchPsh'; did you mean FetchPush"):
        path_of("FetchPsh")
