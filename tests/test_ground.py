"""The ground floor: units, names, settings, seeds, files."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moliere.config import Config, apply_overrides, read_toml
from moliere.errors import ConfigError, InvalidQuantity, MoliereError, OutputExists, UnknownName, WriteError
from moliere.files import replacing
from moliere.registry import Registry
from moliere.seeding import derive_seed
from moliere.units import format_energy, parse_energy


@pytest.mark.parametrize(("text", "mev"), [("256MeV", 256.0), ("65.5 GeV", 65.5e3), ("1e3keV", 1.0), (".5TeV", 5e5)])
def test_energies_carry_their_unit(text: str, mev: float) -> None:
    assert parse_energy(text) == pytest.approx(mev)
    assert parse_energy(format_energy(mev)) == pytest.approx(mev, rel=5e-3)


@pytest.mark.parametrize("text", ["131", "GeV", "5 gev", "1GeV:2GeV", "5 km", ""])
def test_energies_without_a_known_unit_are_refused(text: str) -> None:
    with pytest.raises(InvalidQuantity, match="write for example"):
        parse_energy(text)


def test_a_registry_suggests_and_refuses_doubles() -> None:
    things: Registry[int] = Registry("thing")
    things.register("one")(1)
    assert things["one"] == 1
    assert list(things) == ["one"]
    with pytest.raises(UnknownName, match="unknown thing 'onee'; did you mean 'one'"):
        things["onee"]
    with pytest.raises(ValueError, match="registered twice"):
        things.register("one")(2)


class Inner(Config):
    width: int = 3


class Outer(Config):
    inner: Inner = Inner()
    name: str = "x"


def test_settings_are_strict_and_frozen() -> None:
    assert Outer.from_table({"inner": {"width": 5}}).inner.width == 5
    with pytest.raises(ConfigError, match=r"model\.inner\.widht: unknown key; did you mean 'width'"):
        Outer.from_table({"inner": {"widht": 5}}, "model")
    with pytest.raises(ConfigError, match=r"inner\.width: .*got 'wide'"):
        Outer.from_table({"inner": {"width": "wide"}})
    with pytest.raises(ValueError, match="frozen"):
        Outer().name = "y"  # type: ignore[misc]


def test_overrides_reach_into_tables_and_leave_the_original() -> None:
    table = {"model": {"width": 1}}
    changed = apply_overrides(table, ["model.width=2", "model.deep.list=[1, 2]", "name=run-2", "flag=true"])
    assert changed == {"model": {"width": 2, "deep": {"list": [1, 2]}}, "name": "run-2", "flag": True}
    assert table == {"model": {"width": 1}}
    with pytest.raises(ConfigError, match="expected key=value"):
        apply_overrides(table, ["model.width"])
    with pytest.raises(ConfigError, match="'width' is a value, not a table"):
        apply_overrides(table, ["model.width.deep=1"])


def test_broken_toml_says_where(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("a = 1\nb = [")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        read_toml(tmp_path / "a.toml")
    with pytest.raises(ConfigError, match="no file"):
        read_toml(tmp_path / "b.toml")


def test_seeds_depend_on_their_path() -> None:
    paths = [(), (0,), (1,), (0, 0), (0, 1), (1, 0)]
    seeds = {derive_seed(seed, *path) for seed in (1, 2) for path in paths}
    assert len(seeds) == 2 * len(paths)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(7, 3, 2) == derive_seed(7, 3, 2)


def test_replacing_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.txt"
    with replacing(path) as partial:
        partial.write_text("one")
    assert path.read_text() == "one"
    with pytest.raises(OutputExists), replacing(path):
        pass

    def fail() -> None:
        with replacing(path, overwrite=True) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "one"
    assert [p.name for p in path.parent.iterdir()] == ["out.txt"]


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(WriteError, match="Not a directory; choose another place"),
        replacing(tmp_path / "file" / "out"),
    ):
        pass


def test_errors_print_without_quotes() -> None:
    assert str(UnknownName("no 'x'")) == "no 'x'"
    assert issubclass(UnknownName, MoliereError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".".join("a" * 50_000) + " = 1", "more than 100 levels"),
        ("[" + ".".join("a" * 50_000) + "]", "more than 100 levels"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a = '" + "a" * 17 * 2**20 + "'", "bytes"),
        ("a = '\xff'", "not valid TOML"),
    ],
)
def test_files_that_would_take_the_parser_minutes_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bomb.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=message):
        read_toml(tmp_path / "bomb.toml")


def test_long_rows_of_numbers_are_no_deep_keys(tmp_path: Path) -> None:
    (tmp_path / "edges.toml").write_text("edges = [\n" + ", ".join(["0.5"] * 500) + "\n]\n")
    assert len(read_toml(tmp_path / "edges.toml")["edges"]) == 500


def test_a_folder_is_no_file_of_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_toml(tmp_path)


def test_every_module_of_a_package_is_imported(tmp_path: Path) -> None:
    """A new file registers what it holds without an edit to any list."""
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "__init__.py").write_text(
        "from moliere.registry import Registry, import_modules\n"
        'things = Registry("thing")\nimport_modules(__name__, __path__)\n'
    )
    for name in ("lamp", "vase"):
        (tmp_path / "shelf" / f"{name}.py").write_text(f"from shelf import things\nthings.register({name!r})(1)\n")
    code = "import shelf; print(*shelf.things)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["lamp", "vase"]


@pytest.mark.parametrize("package", ["evaluation.findings", "evaluation.observables", "evaluation.suites"])
def test_the_rooms_of_evaluation_import_all_of_their_files(package: str) -> None:
    module = importlib.import_module(f"moliere.{package}")
    names = {path.stem for path in Path(module.__path__[0]).glob("*.py")} - {"__init__"}
    assert {name for name in names if f"{module.__name__}.{name}" in sys.modules} == names
