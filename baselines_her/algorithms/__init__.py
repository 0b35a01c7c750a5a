"""The algorithms, by name: all that the rest of the package must know about them.

An entry is imported on first use.  Nothing outside this folder compares names of
algorithms: everything that differs between them is a field of `Entry`.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_HOMES = {
    "her": "her_entry",
    "ppo": "ppo_entry",
    "hac": "hac_entry",
}  # modules with their ENTRY
_ALIASES = {"ppo2": "ppo"}  # its name in OpenAI baselines

NAMES = tuple(_HOMES)
DEFAULT = "her"  # for commands and files that name no algorithm


class Column(NamedTuple):
    """One column of progress.csv; docs/metrics.md says how each is computed."""

    name: str
    title: str = ""  # heading in the live table; empty: not shown there
    form: str = "{:.2f}"  # of its numbers in the live table
    is_logged: Callable[[Any], bool] = lambda config: True  # in runs of these settings


class Prepared(NamedTuple):
    """What an algorithm checks and looks up before anything is built or written."""

    config: Any  # the settings, resolved
    spec: Any  # the environment as this algorithm sees it
    parts: Any  # what else `Entry.build` needs; only the algorithm looks inside
    alike: dict[str, Any]  # what else, besides settings, must be equal on all workers
    notes: list[str]  # lines for the user
    skip_bad: bool = False  # drop episodes that contain numbers that are not finite


class Entry(NamedTuple):
    """What the loop, the command line and files need to know about an algorithm."""

    title: str  # for people
    settings: type  # a frozen dataclass of parts; `run`, `loop`, `machine` among them
    presets: Mapping[str, Mapping[str, Any]]
    short_forms: type  # a dataclass of flags that stand for settings
    choose_preset: Callable[[dict[str, Any]], str]
    expand: Callable[[dict[str, Any]], dict[str, Any]]  # replaces short forms
    defaults: Callable[[str, str, dict[str, Any]], dict[str, Any]]  # (preset, env, ...)
    for_unknown_env: Callable[[dict[str, Any]], dict[str, Any]]
    columns: tuple[Column, ...]
    panels: Mapping[str, str]  # column -> title: what `plot` draws
    score: str  # the column whose highest value makes a policy the best
    prepare: Callable[..., Prepared]  # (env, config, comm, factory)
    build: Callable[..., Any]  # (prepared, env, collectors, comm, critical)
    read_spec: Callable[[dict[str, Any]], Any]  # a policy file's fields -> its spec
    shapes: Callable[[Any, Any], dict[str, tuple[int, ...]]]  # of a policy's arrays
    policy: Callable[..., Any]  # (arrays, spec, config, header) -> a policy that acts
    options: tuple[str, ...]  # further keywords of `policy`
    fit: Callable[[Any, Any, str], Any]  # (spec, env, env_id) -> the spec to play with
    file_version: int = 1  # of its policy files
    # further columns that depend on the environment: spec -> columns
    more_columns: Callable[[Any], tuple[Column, ...]] = lambda spec: ()

    def columns_in(self, spec: Any) -> tuple[Column, ...]:
        """All columns of a run in the environment with these dimensions."""
        return (*self.columns, *self.more_columns(spec))


def canonical(alg: str) -> str:
    """The name of an algorithm that may be given by its alias."""
    return _ALIASES.get(alg, alg)


def entry(alg: str) -> Entry:
    """The entry of an algorithm.

    Raises:
      ValueError: there is no algorithm of that name.
    """
    alg = canonical(alg)
    if alg not in _HOMES:
        raise ValueError(f"alg must be one of {', '.join(NAMES)}, found {alg!r}.")
    return importlib.import_module(f".{_HOMES[alg]}", __name__).ENTRY


def later(module: str, name: str) -> Callable[..., Any]:
    """A function of a module in this folder, which is imported when it is called."""

    def call(*arguments: Any, **more: Any) -> Any:
        home = importlib.import_module(f".{module}", __name__)
        return getattr(home, name)(*arguments, **more)

    return call
