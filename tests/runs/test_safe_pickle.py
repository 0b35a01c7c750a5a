"""Pickles are read as data, to their last byte and no further."""

import pickle

import numpy as np
import pytest

from baselines_her.demos.pickled_arrays import read_pickled_array
from baselines_her.runs.safe_pickle import UnsafePickle, dump_flat, load_flat, opcodes


@pytest.mark.parametrize("more", [b"\x00", b".", dump_flat({"b": 2}), bytes(10_000)])
def test_bytes_after_the_end_are_refused(more):
    good = dump_flat({"a": 1, "b": "x"})
    assert load_flat(good) == {"a": 1, "b": "x"}
    with pytest.raises(UnsafePickle, match="bytes follow the end"):
        load_flat(good + more)


def test_an_array_ends_with_its_pickle_too():
    data = pickle.dumps(np.array([{}], object), protocol=4)
    assert read_pickled_array(data, 1000) == [{}]
    with pytest.raises(UnsafePickle, match="bytes follow the end"):
        read_pickled_array(data + b".", 1000)
    with pytest.raises(UnsafePickle, match="exactly one value"):
        read_pickled_array(data[:-1] + b"N.", 1000)


@pytest.mark.parametrize("data", [b"", b"\x80\x04", b"\x80\x04N", b"\x80\x04]r\xff."])
def test_a_pickle_without_an_end_is_damaged(data):
    with pytest.raises(UnsafePickle, match="cut short or damaged"):
        list(opcodes(data))
