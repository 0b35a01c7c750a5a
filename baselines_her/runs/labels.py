"""Labels for groups of runs, made of the settings that distinguish them."""

import itertools
import json
from collections.abc import Iterable
from typing import Any

from .foreign import printable

LONGEST = 60  # characters of a label; no two longer ones fit side by side
LONGEST_PART = 40  # of a setting's name or value
USUAL = "the usual settings"  # label of a group in which no setting is unusual
MOST_TRIED = 10_000  # sets of settings that are tried

Settings = dict[str, Any]


def titles(groups: list[Settings]) -> list[str]:
    """A different title for each group, in their order.

    A title lists all settings that differ, since each may be the cause of a difference.
    If that is too long, it lists the fewest that distinguish all groups; if that is too
    long as well, those in which a group differs from most others.  Groups of different
    algorithms are compared only by `alg` and `env`.
    """
    common = [name for name in ("alg", "env") if _n_kinds(groups, [name]) > 1]
    found: dict[int, str] = {}
    for alg in {group.get("alg") for group in groups}:
        places = [n for n, group in enumerate(groups) if group.get("alg") == alg]
        found |= zip(places, _titles_of_kin([groups[n] for n in places], common))
    return _distinct(found[n] for n in range(len(groups)))


def _titles_of_kin(kin: list[Settings], common: list[str]) -> list[str]:
    """The titles of groups of one algorithm."""
    names = {name for settings in kin for name in settings}
    differing = sorted(name for name in names if _n_kinds(kin, [name]) > 1)
    shown = sorted({*differing, *common})
    texts = [_text(settings, shown) for settings in kin]
    if max(map(len, texts)) > LONGEST:
        shown = sorted(_fewest(kin, differing, common))
        texts = [_text(settings, shown) for settings in kin]
    if max(map(len, texts)) > LONGEST:
        usual = {name: _usual(kin, name) for name in differing if name not in common}
        odd = [[k for k in usual if settings.get(k) != usual[k]] for settings in kin]
        shown_of = [sorted({*names, *common}) for names in odd]
        texts = [_text(*pair) or USUAL for pair in zip(kin, shown_of)]
    env = printable(kin[0].get("env"), LONGEST_PART)
    return [text or env for text in texts]


def count(seeds: Iterable[Any]) -> str:
    """The number of seeds, and of runs if some share a seed: "2 seeds, 3 runs"."""
    texts = [json.dumps(seed) for seed in seeds]
    n_seeds, n_runs = len(set(texts)), len(texts)
    text = f"{n_seeds} seed{'s' * (n_seeds > 1)}"
    return text if n_seeds == n_runs else f"{text}, {n_runs} runs"


def _usual(groups: list[Settings], name: str) -> Any:
    """The most frequent value of a setting."""
    values = [group.get(name) for group in groups]
    return max(values, key=lambda value: values.count(value))


def _text(settings: Settings, names: Iterable[str]) -> str:
    return ", ".join(
        f"{printable(name, LONGEST_PART)}={printable(settings.get(name), LONGEST_PART)}"
        for name in names
    )


def _n_kinds(groups: list[Settings], names: Iterable[str]) -> int:
    """The number of groups that these settings distinguish."""
    return len({repr([group.get(name) for name in names]) for group in groups})


def _fewest(groups: list[Settings], names: list[str], common: list[str]) -> list[str]:
    """`common` and the fewest further settings that distinguish all groups.

    Of sets of the same size it is the first in alphabetical order.  If there are too
    many to try, the setting that splits the groups most is added, one after the other.
    """
    sizes = range(len(names) + 1)
    sets = itertools.chain.from_iterable(
        itertools.combinations(names, size) for size in sizes
    )
    for more in itertools.islice(sets, MOST_TRIED // len(groups)):
        if _n_kinds(groups, [*common, *more]) == len(groups):
            return [*common, *more]
    chosen = list(common)
    while (n_kinds := _n_kinds(groups, chosen)) < len(groups):
        best = max(names, key=lambda name: _n_kinds(groups, [*chosen, name]))
        if _n_kinds(groups, [*chosen, best]) == n_kinds:
            break  # no setting tells the rest apart
        chosen.append(best)
    return chosen


def _distinct(texts: Iterable[str]) -> list[str]:
    """The texts, with a number appended to each one that occurred before."""
    seen: dict[str, int] = {}
    found = []
    for text in texts:
        seen[text] = seen.get(text, 0) + 1
        found.append(text if seen[text] == 1 else f"{text} #{seen[text]}")
    return found
