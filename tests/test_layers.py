"""The architecture, read from the imports: arrows run one way."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "baselines_her"

# A room imports from the rows below its own, and from nowhere else.  A room is a
# folder; a file that stands on another floor than its folder is named beside it.
ROWS = [
    {"run", "__init__", "__main__"},
    {"training"},
    {"sweep", "report"},
    {"algorithms.hac_setup"},
    {"algorithms.her_setup", "algorithms.ppo_setup", "play"}
    | {"demos.__main__", "demos.generate", "demos.teleop", "exports"},
    {"algorithms", "demos.minari", "runs.saver", "runs.plot"},
    {"parallel.vector", "parallel.stepper"},
    {"parallel.collectors", "parallel.streams", "parallel.side_by_side"},
    {"parallel.group"},
    {"parallel.player"},
    {
        "ddpg",
        "ppo",
        "parallel.vector",
        "acting.exploration",
        "replay.sources",
        "runs.callbacks",
        "runs.loop",
        "runs.folder",
    }
    | {"envs.render", "demos.record", "cli.flags"},
    {"envs", "demos", "nets", "runs.policy_file", "runs.facts"}
    | {"cli.help", "runs.console"},
    {"config", "replay", "acting", "runs"},
    {"cli", "her_sampler", "rollout", "parallel", "algorithms.her_entry"}
    | {"algorithms.ppo_entry", "algorithms.hac_entry"},
    {"settings"},
    {"algorithms.__init__", "seeding", "versions", "quiet", "types"}
    | {"parallel.launcher", "runs.safe_pickle", "runs.foreign", "runs.stopping"}
    | {"runs.sturdy"},
    {"envs.faults"},
]
ONLY_IN = {
    "tensorflow": {"nets"},
    "keras": set(),
    "torch": set(),
    "mpi4py": {"parallel"},
    "matplotlib": {"runs", "sweep"},
    "optuna": {"sweep"},
    "mujoco": {"envs"},
    "gymnasium": {"envs", "training", "play", "demos", "parallel", "algorithms"},
    "gymnasium_robotics": {"envs"},
    "pickle": {"runs"},
    "minari": {"demos"},
    "rich": {"runs"},
}
FILES = sorted(PACKAGE.rglob("*.py"))
NAMED = set().union(*ROWS)


def module(path):
    """The module's name below the package: "runs.loop"."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def room(name):
    """The file itself, if it has a row of its own, else its folder."""
    return name if name in NAMED else name.partition(".")[0]


def imports(path):
    """(module of the package or None, top-level name) of every import in a file."""
    folder = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield None, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield None, node.module.partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = [*folder[: len(folder) + 1 - node.level]]
            target = [*base, *(node.module or "").split(".")] if node.module else base
            for alias in node.names:
                full = [*target, alias.name]
                if PACKAGE.joinpath(*full).with_suffix(".py").exists():
                    yield ".".join(full), ""
                elif PACKAGE.joinpath(*target).is_dir():
                    yield ".".join([*target, "__init__"]), ""
                else:
                    yield ".".join(target), ""


def row(name):
    return next(n for n, names in enumerate(ROWS) if room(name) in names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    if module(path) == "__init__":
        return  # lazy: it names what it offers and imports nothing when loaded
    for target, _ in imports(path):
        if target is not None and room(target) != room(module(path)):
            assert row(target) > row(module(path)), target


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_rooms(path):
    for _, library in imports(path):
        if library in ONLY_IN:
            assert module(path).partition(".")[0] in ONLY_IN[library], library


def test_only_the_learner_uses_tensorflow():
    """`training` sets its number of threads."""
    targets = {module(path): {t for t, _ in imports(path) if t} for path in FILES}
    users = {
        name for name, found in targets.items() if {room(t) for t in found} & {"nets"}
    }
    assert {user for user in users if room(user) != "nets"} == {
        "ddpg",
        "ppo",
        "training",
    }


def test_every_room_has_its_row():
    assert {room(module(path)) for path in FILES} == NAMED


def test_the_front_door_is_small():
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert len(modules) <= 12, sorted(modules)
