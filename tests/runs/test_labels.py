"""Titles of groups end even if no setting tells two groups apart."""

from baselines_her.runs.labels import titles


def test_groups_that_only_a_missing_setting_tells_apart_get_numbers():
    long = "x" * 70
    alike = [{"alg": "her", "a": None}, {"alg": "her"}]
    found = titles([*alike, {"alg": "her", "b": long, "c": long}])
    assert len(set(found)) == 3
