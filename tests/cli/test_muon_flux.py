"""A muon flux from the command line: simulated, learned, generated, boosted, written for FairShip, compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from moliere.cli import main
from moliere.events.formats import read_events

Run = Callable[..., Any]

SMALL = ["model.latent=4", "model.generator_width=[16]", "model.discriminator_width=[16]", "model.reference=200"]
STAGES = 'training.stage=[{iterations=3,objectives=["regressors"]},{iterations=3}]'


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a simulated flux, a GAN and a flow."""
    folder = tmp_path_factory.mktemp("flux")
    events = folder / "flux.h5"
    assert main(["simulate", "muons", "-n", "2000", "-o", str(events), "--workers", "1"]) == 0
    common = [f"data.events={events}", "training.threads=1", "training.validations=1", "training.select=last"]
    tiny = ["model.width=8", "model.blocks=1", "model.reference=200"]
    settings = {"muons-aux-gan": [*SMALL, STAGES], "muons-flow": tiny}
    short = ["training.minutes=0.001"]
    for name, own in settings.items():
        given = [
            part for value in (*common, *own, *(short if name == "muons-flow" else [])) for part in ("--set", value)
        ]
        assert main(["train", name, "-o", str(folder / name), *given]) == 0
    return folder


@pytest.fixture
def generate(run: Run, flux: Path) -> Run:
    def call(name: str, *arguments: object) -> Any:
        return run("generate", flux / name / f"{name}.bundle", "--threads", 1, *arguments)

    return call


def test_muons_of_nothing_but_a_number(generate: Run, tmp_path: Path) -> None:
    outcome = generate("muons-flow", "-n", "1e3", "-o", tmp_path / "x.npz")
    assert outcome.code == 0, outcome.err
    events = read_events(tmp_path / "x.npz")
    assert len(events) == 1000
    assert dict(events.incident) == {}
    assert events.weights is None
    assert set(events.signals[:, 0]) == {-1, 1}
    assert "weighted" not in outcome.out


def test_the_beam_is_swept(run: Run, flux: Path, tmp_path: Path) -> None:
    output = tmp_path / "swept.npz"
    outcome = run("prepare", "beam", flux / "flux.h5", "-o", output)
    assert outcome.code == 0, outcome.err
    before, after = read_events(flux / "flux.h5"), read_events(output)
    moved = after.signals[:, 1:3].astype(float) - before.signals[:, 1:3]
    assert np.hypot(*moved.T).mean() == pytest.approx(50, abs=1)
    assert np.array_equal(after.signals[:, 3:], before.signals[:, 3:])
    assert "exists" in run("prepare", "beam", flux / "flux.h5", "-o", output).err


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [("muons-gan-cartesian", ()), ("muons-gan", ("model.columns=box-cox",))],
    ids=["signed-root", "box-cox"],
)
def test_recipes_reach_the_first_forms_of_the_columns_and_the_swept_beam(
    run: Run, flux: Path, tmp_path: Path, recipe: str, settings: tuple[str, ...]
) -> None:
    """Two iterations on a flux whose beam was swept; what comes out are muons."""
    swept, folder = tmp_path / "swept.npz", tmp_path / "run"
    assert run("prepare", "beam", flux / "flux.h5", "-o", swept).code == 0
    small = [
        "training.iterations=2",
        "training.threads=1",
        "training.validations=1",
        "training.select=last",
        *SMALL[:3],
    ]
    words = [word for setting in (*small, *settings) for word in ("--set", setting)]
    outcome = run("train", recipe, swept, *words, "-o", folder)
    assert outcome.code == 0, outcome.err
    bundle = folder / f"{recipe}.bundle"
    assert run("generate", bundle, "-n", 500, "-o", tmp_path / "made.npz", "--threads", 1).code == 0
    made, source = read_events(tmp_path / "made.npz"), read_events(swept)
    assert made.detector.column_names == source.detector.column_names
    assert set(made.signals[:, 0]) == {-1, 1}
    assert np.isfinite(made.signals).all()


def test_rareness_is_prepared_of_a_flux(run: Run, flux: Path, tmp_path: Path) -> None:
    output = tmp_path / "rareness.npz"
    outcome = run("prepare", "rareness", flux / "flux.h5", "-o", output)
    assert outcome.code == 0, outcome.err
    events = read_events(output)
    assert events.detector.name == "ship-muons-rareness"
    assert events.signals.shape == (2000, 4)
    # numbers of half-Gaussians, whose median is 0.67
    np.testing.assert_allclose(np.median(events.signals, axis=0), 0.674, atol=0.1)
    assert "exists" in run("prepare", "rareness", flux / "flux.h5", "-o", output).err


def test_boosted_muons_have_weights_and_it_is_said_what_they_are_worth(generate: Run, tmp_path: Path) -> None:
    outcome = generate("muons-aux-gan", "-n", 4000, "--rareness-scale", 1.3, "-o", tmp_path / "x.npz")
    assert outcome.code == 0, outcome.err
    events = read_events(tmp_path / "x.npz")
    assert events.weights is not None
    assert events.weights.mean() == pytest.approx(1, abs=0.03)
    assert events.metadata["boost"] == "rareness scale 1.3"
    effective = events.weights.sum() ** 2 / (events.weights**2).sum()
    assert f"worth {effective:,.0f} unweighted ones" in outcome.out
    assert events.metadata["effective_share"] == pytest.approx(effective / 4000, abs=0.02)


def test_as_rare_as_the_muons_of_a_file(generate: Run, flux: Path, tmp_path: Path) -> None:
    outcome = generate("muons-aux-gan", "-n", 500, "--rareness-from", flux / "flux.h5", "-o", tmp_path / "x.parquet")
    assert outcome.code == 0, outcome.err
    assert read_events(tmp_path / "x.parquet").metadata["boost"].startswith("rareness near that of 500 seeds")


def test_fairship_reads_what_was_generated(generate: Run, run: Run, tmp_path: Path) -> None:
    """Written as ROOT at once, or converted later: branches, units and weights are FairShip's."""
    arguments = ["-n", 300, "--rareness-scale", 1.2]
    for name in ("x.root", "x.npz"):
        assert generate("muons-aux-gan", *arguments, "-o", tmp_path / name).code == 0
    assert run("convert", tmp_path / "x.npz", tmp_path / "y.root").code == 0
    events = read_events(tmp_path / "x.npz")
    assert events.weights is not None
    for name in ("x.root", "y.root"):
        with uproot.open(tmp_path / name) as file:
            tree = file["pythia8-Geant4"].arrays(library="np")
        assert np.array_equal(np.sign(tree["id"]), -events.signals[:, 0])
        assert set(np.abs(tree["id"])) == {13}
        assert tree["w"] == pytest.approx(events.weights)
        for branch, k, unit in (("x", 1, 1e3), ("z", 3, 1e3), ("px", 4, 1e3), ("pz", 6, 1e3)):
            assert tree[branch] == pytest.approx(events.signals[:, k] / unit, rel=1e-6)
        expected = {"event_id", "id", "parentid", "pythiaid", "ecut", "w", "release_time", "mother_id", "process_id"}
        assert expected <= set(tree)
        back = read_events(tmp_path / name)
        assert back.signals == pytest.approx(events.signals, rel=1e-6)
        assert back.weights == pytest.approx(events.weights)


def test_the_same_muons_whatever_the_batch_size(generate: Run, tmp_path: Path) -> None:
    arguments = ["-n", 600, "--rareness-scale", 1.2]
    for name, batch in (("a", 256), ("b", 10_000)):
        assert generate("muons-aux-gan", *arguments, "--batch-size", batch, "-o", tmp_path / f"{name}.npz").code == 0
    one, other = (read_events(tmp_path / f"{name}.npz") for name in "ab")
    assert np.array_equal(one.weights, other.weights)  # type: ignore[arg-type]
    assert other.signals == pytest.approx(one.signals, rel=1e-3, abs=1)


def test_a_page_of_a_flux(generate: Run, run: Run, flux: Path, tmp_path: Path) -> None:
    assert generate("muons-aux-gan", "-n", 400, "-o", tmp_path / "x.npz").code == 0
    bundle = flux / "muons-aux-gan" / "muons-aux-gan.bundle"
    arguments = ["--suite", "ship", "--classifier-seeds", 1, "--max-events", 350, "--threads", 1, "--bundle", bundle]
    outcome = run("evaluate", flux / "flux.h5", tmp_path / "x.npz", "-o", tmp_path / "page", *arguments)
    assert outcome.code == 0, outcome.err
    report = json.loads((tmp_path / "page" / "report.json").read_text())
    assert any(metric["name"] == "auc-polar-bdt" for found in report["findings"] for metric in found.get("metrics", []))
    assert len(next(found for found in report["findings"] if found["kind"] == "planes")["planes"]) == 16
    assert report["timing"]["batch_size"] == 1000
    assert {path.stem for path in (tmp_path / "page" / "figures").glob("*.svg")} >= {"plane", "pairs", "shield_x"}


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("muons-flow", [], "say how many events"),
        ("muons-flow", ["-n", 5, "--energy", "400GeV"], "knows no incident particles"),
        ("muons-aux-gan", ["-n", 5, "--rareness-scale", 0.5], "variance of the weights is infinite"),
        ("muons-aux-gan", ["-n", 5, "--rareness-scale", 2, "--rareness-from", "photons-mini"], "not both"),
        ("muons-aux-gan", ["-n", 5, "--rareness-from", "photons-mini"], "give seeds with the columns of bundle"),
        ("muons-aux-gan", ["-n", "1.5"], "no number of events"),
        ("muons-aux-gan", ["-n", "many"], "no number of events"),
    ],
)
def test_what_is_refused_leaves_nothing(
    generate: Run, tmp_path: Path, name: str, arguments: list[object], message: str
) -> None:
    outcome = generate(name, *arguments, "-o", tmp_path / "x.npz")
    assert outcome.code != 0
    assert message in " ".join(outcome.err.split())
    assert list(tmp_path.iterdir()) == []
