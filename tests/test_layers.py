"""The architecture, read from the imports: arrows run one way."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "baselines_her"

# A room imports from the rows below its own, and from nowhere else.
ROWS = [
    {"run", "demos", "__init__"},
    {"training", "play"},
    {"resuming"},
    {"epochs"},
    {"off_policy", "parallel.collectors", "parallel.worker"},
    {"ddpg", "demo_starts", "sources", "schedules"},
    {"runs", "parallel.together"},
    {"demo_recorder"},
    {"envs"},
    {"rollout", "nets", "replay", "her_sampler", "parallel.mpi", "parallel.__init__"},
    {"policy", "parallel.watchdog", "parallel.launch"},
    {"cli"},
    {"parallel.launched"},
    {"config", "normalizer"},
    {"settings"},
    {"streams", "versions", "presets", "knobs", "quiet", "stopping", "noise"},
    {"safe_pickle", "pickled_arrays", "types"},
]
ONLY_IN = {
    "tensorflow": {"nets"},
    "keras": set(),
    "torch": set(),
    "mpi4py": {"parallel.mpi"},
    "matplotlib": {"runs"},
    "mujoco": {"envs"},
    "gymnasium": {"envs", "training", "play", "demo_recorder", "parallel.collectors"},
    "gymnasium_robotics": {"envs"},
    "pickle": {"safe_pickle"},
    "minari": {"runs"},
    "rich": {"runs"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path):
    """The folder or module below the package; in parallel/ each file stands alone."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts) if parts[0] == "parallel" else parts[0]


def imports(path):
    """(room of the package or None, top-level name) of every import in a file."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield None, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield None, node.module.partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            if node.level < depth:
                yield room(path), ""
            elif node.module and node.module.startswith("parallel"):
                yield node.module, ""
            elif node.module:
                yield node.module.partition(".")[0], ""
            else:
                for alias in node.names:
                    yield alias.name, ""


def row(name):
    return next(n for n, names in enumerate(ROWS) if name in names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    if room(path) == "__init__":
        return  # lazy: it names what it offers and imports nothing when loaded
    for target, _ in imports(path):
        if target is not None and target != room(path):
            assert row(target) > row(room(path)), target


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_rooms(path):
    for _, library in imports(path):
        if library in ONLY_IN:
            assert room(path) in ONLY_IN[library], library


def test_every_room_has_its_row():
    assert {room(path) for path in FILES} == set().union(*ROWS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(path):
    assert len(path.read_text().splitlines()) <= 300
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name
