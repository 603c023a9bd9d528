"""What scripts, benchmarks and documents import from the package is there, so that a module that moves is noticed."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_SCRIPTS = sorted(path for folder in ("benchmarks", "scripts") for path in (_ROOT / folder).rglob("*.py"))
_PAGES = [_ROOT / "README.md", _ROOT / "CONTRIBUTING.md", *sorted((_ROOT / "docs").rglob("*.md"))]


def _code(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return text if path.suffix == ".py" else "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))


def _imported(code: str) -> Iterator[tuple[str, str]]:
    """Modules of the package that code imports, each with a name of it or none; also inside functions."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "moliere":
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "moliere")


def _missing(code: str) -> list[str]:
    return [f"{module} {name}".rstrip() for module, name in _imported(code) if not _exists(module, name)]


def _exists(module: str, name: str) -> bool:
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return not name or hasattr(found, name) or find_spec(f"{module}.{name}") is not None


@pytest.mark.parametrize("path", [*_SCRIPTS, *_PAGES], ids=lambda path: str(path.relative_to(_ROOT)))
def test_what_is_imported_is_there(path: Path) -> None:
    assert not _missing(_code(path))


def test_what_has_moved_is_noticed() -> None:
    code = "import moliere.gone\ndef late():\n    from moliere.events import Events, Vents\nfrom moliere import units"
    assert _missing(code) == ["moliere.gone", "moliere.events Vents"]
