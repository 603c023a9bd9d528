"""The C++ that Geant4 users copy: what does not depend on Geant4 runs here; the rest is compiled where Geant4 is."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.deploy.philox import Part, draw
from moliere.events.directions import to_angles

onnx = pytest.importorskip("onnx")

from moliere.deploy.c.header import Column, Header, Spot  # noqa: E402
from moliere.deploy.c.write import Source, translate  # noqa: E402

CPP = Path(__file__).parents[3] / "cpp"
SPOTS = tuple(
    Spot(channel, share, (channel - 20.0, side, 5.0 * channel))
    for channel in range(40)
    for share, side in ((0.25, 1.0), (0.75, -1.0))
)
PARTS = (Part(21),)
HEADER = Header(
    "toy", (Column("energy", 256.0, 32768.0), Column("pdg_id", values=(22.0,))), PARTS, particles=(22,), spots=SPOTS
)


@pytest.fixture(scope="module")
def source(network: Any) -> Source:
    return translate(network, HEADER)


@pytest.fixture(scope="module")
def lines(source: Source, tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """What the program says, in words."""
    if not (shutil.which("gcc") and shutil.which("g++")):
        pytest.skip("gcc and g++ are not installed")
    folder = tmp_path_factory.mktemp("cpp")
    (folder / "toy.h").write_text(source.header)
    (folder / "toy.c").write_text(source.code)
    commands = [
        ["gcc", "-std=c99", "-O2", "-c", "toy.c", "-o", "toy.o"],
        ["g++", "-std=c++17", "-Wall", "-Wextra", "-pedantic", "-Werror", '-DHEADER="toy.h"',
         "-DMODEL_OF=MOLIERE_MODEL(toy, TOY)", f"-I{CPP}", "-I.", str(Path(__file__).with_name("showers.cc")), "toy.o",
         "-lm", "-o", "showers"],
        ["./showers"],
    ]  # fmt: skip
    for command in commands:
        outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert outcome.returncode == 0, outcome.stderr[:3000]
    return [line.split() for line in outcome.stdout.splitlines()]


def numbers(lines: list[list[str]], word: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([[float(text) for text in line[1:]] for line in lines if line[0] == word])


def test_particles_that_the_model_does_not_know_are_told_apart(lines: list[list[str]]) -> None:
    assert numbers(lines, "look").ravel().tolist() == [1, 0, 2, 3, 4]


def test_angles_are_those_of_python(lines: list[list[str]]) -> None:
    np.testing.assert_allclose(
        numbers(lines, "angles")[0], np.ravel(to_angles(np.array([[0.3, 0.5, np.sqrt(0.66)]]))), atol=1e-12
    )


def test_directions_that_the_training_did_not_have_are_noticed(lines: list[list[str]]) -> None:
    none, along_theta, across, both = numbers(lines, "slant").ravel()
    np.testing.assert_allclose([none, along_theta, both], 0, atol=1e-7)
    assert across == pytest.approx(np.pi / 6)


def test_the_depth_is_that_of_the_last_cell(lines: list[list[str]]) -> None:
    assert numbers(lines, "depth").item() == 195.0


def test_the_frame_is_right_handed_and_along_the_particle(lines: list[list[str]]) -> None:
    x, y, z = numbers(lines, "frame") - (1, 2, 3)
    np.testing.assert_allclose(z, (0.6, 0, 0.8))
    np.testing.assert_allclose(x, (0.8, 0, -0.6), atol=1e-12)
    np.testing.assert_allclose(np.cross(x, y), z, atol=1e-12)


def test_deposits_are_the_signals_at_turned_places(
    lines: list[list[str]], source: Source, compiled: Callable[..., Any]
) -> None:
    deposits = numbers(lines[: lines.index(["again"])], "deposit")
    condition = np.array([[1000.0, 22.0], [2000.0, 22.0], [1000.0, 22.0]])
    signals = compiled(source).generate(draw(PARTS, 1, 2, [5, 6, 7]), condition).clip(min=0)
    for shower in range(3):
        mine = deposits[deposits[:, 0] == shower]
        assert len(mine) == 2 * (signals[shower] > 0).sum() > 0
        np.testing.assert_allclose(mine[:, 4].sum(), signals[shower].sum(), rtol=1e-6)
    channels = np.flatnonzero(signals[0])
    expected = np.array([SPOTS[2 * channel + k].place for channel in channels for k in (0, 1)])
    np.testing.assert_allclose(deposits[deposits[:, 0] == 0][:, 1:4], expected, atol=1e-5)
    second = deposits[deposits[:, 0] == 1][:, 1:4] - (10, 20, 30)
    expected = np.array([SPOTS[2 * channel + k].place for channel in np.flatnonzero(signals[1]) for k in (0, 1)])
    np.testing.assert_allclose(second @ (0.6, 0, 0.8), expected[:, 2], atol=1e-5)
    np.testing.assert_allclose(second[:, 1], expected[:, 1], atol=1e-5)


def test_a_shower_alone_is_the_one_among_others(lines: list[list[str]]) -> None:
    again, nothing = lines.index(["again"]), lines.index(["nothing"])
    among = [line[2:] for line in lines[:again] if line[0] == "deposit" and line[1] == "1"]
    assert [line[2:] for line in lines[again + 1 : nothing]] == among
    assert lines[again - 1] == ["waiting", "0"]
    assert lines[nothing + 1][0] == "refused"


def test_a_column_that_a_particle_does_not_have_is_refused(lines: list[list[str]]) -> None:
    assert "'rigidity'," in lines[-1]


@pytest.mark.skipif(not shutil.which("geant4-config"), reason="Geant4 is not installed")
def test_the_model_compiles_against_geant4(source: Source, tmp_path: Path) -> None:
    (tmp_path / "toy.h").write_text(source.header)
    flags = subprocess.run(["geant4-config", "--cflags"], capture_output=True, text=True, check=True).stdout.split()
    defined = ['-DMODEL_HEADER="toy.h"', "-DMODEL_OF=MOLIERE_MODEL(toy, TOY)", f"-I{CPP}", f"-I{tmp_path}"]
    for name in ("MoliereFastSimModel.cc", "example/fast_calorimeter.cc"):
        outcome = subprocess.run(
            ["g++", "-std=c++17", "-fsyntax-only", *flags, *defined, str(CPP / name)], capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert outcome.returncode == 0, outcome.stderr[:3000]
