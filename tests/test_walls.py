"""The walls of the house: who may import whom."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import moliere

ROOT = Path(moliere.__file__).parent
#: from the ground up: a room imports only from rooms before it
ROOMS = [
    *("errors", "version", "audience", "units", "seeding", "files", "threads"),
    *("memory", "registry", "config", "plugins", "notebook", "progress", "tracking"),
    *(
        "detectors",
        "events",
        "samples",
        "production",
        "simulators",
        "preprocess",
        "weights",
        "models",
        "training",
        "generation",
    ),
    *("evaluation", "report", "studies", "deploy", "cluster", "front", "pipelines", "tuning", "cli"),
]
FORBIDDEN = {
    "evaluation": {"models", "training", "generation", "preprocess"},
    "report": {"models", "training", "generation", "preprocess"},
    "simulators": {"models", "training", "generation", "preprocess"},
}


def modules() -> dict[str, Path]:
    """Dotted names below the package → files."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def imports_of(path: Path, *, inside_functions: bool) -> set[str]:
    """Names below ``moliere.`` that a file imports; type-checking blocks do not count."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not inside_functions:
                continue
            if isinstance(child, ast.ImportFrom) and child.module and child.module.split(".")[0] == "moliere":
                base = child.module.removeprefix("moliere").lstrip(".")
                for alias in child.names:
                    name = f"{base}.{alias.name}".lstrip(".")
                    found.add(name if name in MODULES else base)
            visit(child)

    visit(ast.parse(path.read_text()))
    return found - {""}


def room(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_a_room_imports_only_from_rooms_before_it(module: str) -> None:
    here = ROOMS.index(room(module))
    late = {name for name in imports_of(MODULES[module], inside_functions=True) if ROOMS.index(room(name)) > here}
    assert not late, f"{module} imports from rooms above it: {sorted(late)}"


@pytest.mark.parametrize("walled", sorted(FORBIDDEN))
def test_no_path_of_imports_leads_through_a_wall(walled: str) -> None:
    graph = {name: imports_of(path, inside_functions=True) for name, path in MODULES.items()}
    reached, waiting = set(), [name for name in MODULES if name and room(name) == walled]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph.get(name, set())
    assert not {room(name) for name in reached} & FORBIDDEN[walled]


def test_imports_have_no_cycle() -> None:
    """Those inside functions count, too: two files that need each other are one noun in two pieces."""
    graph = {name: imports_of(path, inside_functions=True) - {name} for name, path in MODULES.items() if name}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail, name))
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_every_file_has_a_noun() -> None:
    junk = {"utils", "helpers", "common", "misc", "util", "helper"}
    assert not [name for name in MODULES if junk & set(name.split("."))]


@pytest.mark.parametrize("module", ["moliere", "moliere.cli", "moliere.detectors"])
def test_light_imports_stay_light(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('torch', 'matplotlib', 'sklearn', 'scipy') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_what_learns_and_fits_is_imported_where_it_does() -> None:
    """``moliere list`` imports these rooms for the names that they register, and has a second."""
    slow = ("torch", "sklearn", "scipy.stats", "scipy.optimize", "scipy.spatial", "scipy.special")
    code = f"import sys, moliere.evaluation, moliere.simulators; print([m for m in {slow} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "room", ["detectors", "events", "samples", "production", "simulators", "models", "training", "evaluation", "tuning"]
)
def test_messages_outside_the_command_line_hold_no_flag(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        tree = ast.parse(path.read_text())
        options = [word for word in ast.walk(tree) if isinstance(word, ast.keyword) and word.arg == "options"]
        docs = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
        allowed = {
            id(part)
            for root in (*options, *docs)
            if not isinstance(root, ast.Expr) or isinstance(root.value, ast.Constant)
            for part in ast.walk(root)
        }
        texts = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        flags = [n.value for n in texts if id(n) not in allowed and re.search(r"(?<!\S)--[a-z]{2}", n.value)]
        assert not flags, f"{path}: {flags}"
