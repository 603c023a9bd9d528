"""The front door: eight verbs with the words of the command line."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import moliere
from moliere.errors import ConfigError, InvalidQuantity, OutputExists, UnsupportedIncident
from moliere.events.formats import write_events
from moliere.front.judging import _threshold

VERBS = ["check", "compare", "evaluate", "generate", "load", "open", "simulate", "train"]


def test_the_package_shows_its_eight_verbs() -> None:
    assert dir(moliere) == VERBS
    assert all(callable(getattr(moliere, verb)) for verb in VERBS)
    assert moliere.samples.names() == ["photons-mini"]
    assert "calogan" in moliere.catalog.names()
    assert isinstance(moliere.samples.open("photons-mini"), moliere.Events)
    assert moliere.__version__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        moliere.nonsense  # noqa: B018


def test_importing_the_package_imports_no_room() -> None:
    code = "import sys, moliere; print(sorted(m for m in sys.modules if m.startswith('moliere.') or m == 'numpy'))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['moliere.notebook']", "who draws in notebooks is said, and nothing is drawn"


@pytest.mark.parametrize("energy", ["20 GeV", "20GeV", 20_000, 20 * 1000.0, np.float32(20_000), ("20 GeV", 2e4)])
def test_energies_are_numbers_in_mev_or_carry_their_unit(energy: object) -> None:
    events = moliere.load("photons").generate(energy=energy, n=4, threads=1)
    assert events.incident["energy"].tolist() == [20_000.0] * 4


@pytest.mark.parametrize("energy", ["20", "20 gev", (1, 2, 3), None, object(), "1GeV:2"])
def test_energies_that_mean_nothing_are_refused(energy: object) -> None:
    with pytest.raises((InvalidQuantity, ConfigError)):
        moliere.generate("photons", energy=energy, n=4, threads=1)  # type: ignore[arg-type]


def test_a_range_gives_a_spectrum_and_the_same_seed_the_same_events(tmp_path: Path) -> None:
    words = {"energy": ("1 GeV", "30 GeV"), "n": 30, "seed": 3, "threads": 1}
    events = moliere.load("photons").generate(**words)
    written = moliere.generate("photons", tmp_path / "fast.h5", **words)  # type: ignore[arg-type]
    assert 1000 <= events.incident["energy"].min() < events.incident["energy"].max() <= 30_000
    np.testing.assert_allclose(events.take(slice(None)).signals, written.take(slice(None)).signals, rtol=1e-6)
    with pytest.raises(OutputExists, match="exists"):
        moliere.generate("photons", tmp_path / "fast.h5", **words)  # type: ignore[arg-type]


def test_a_bundle_reads_in_one_line() -> None:
    text = repr(moliere.load("photons"))
    assert text.startswith("Bundle(photons: FlowStudent")
    assert len(text) < 150


def test_particles_of_other_events_are_taken() -> None:
    sample = moliere.open("photons-mini").take(slice(0, 20))
    fast = moliere.generate("photons", like=sample, threads=1)
    assert fast.incident["energy"].tolist() == sample.incident["energy"].tolist()
    with pytest.raises(ConfigError, match="leave out their number"):
        moliere.generate("photons", like=sample, n=3)


def test_what_is_outside_of_the_range_is_refused_in_the_librarys_words() -> None:
    with pytest.raises(UnsupportedIncident) as error:
        moliere.generate("photons", energy="1 TeV", n=3)
    assert "--" not in str(error.value)
    assert len(moliere.generate("photons", energy="1 TeV", n=3, outside="extrapolate", threads=1)) == 3


def test_events_are_simulated_in_memory_and_to_a_file_alike(tmp_path: Path) -> None:
    words = {"detector": "calogan", "energy": "5 GeV", "n": 5, "seed": 2}
    one = moliere.simulate("gflash", **words)  # type: ignore[arg-type]
    other = moliere.simulate("gflash", tmp_path / "a.h5", **words)  # type: ignore[arg-type]
    assert np.array_equal(one.take(slice(None)).signals, other.take(slice(None)).signals)
    with pytest.raises(ConfigError, match="say which one"):
        moliere.simulate("gflash", n=1)


@pytest.mark.slow
def test_from_training_to_the_page(tmp_path: Path) -> None:
    sample = moliere.samples.open("photons-mini")[:300]
    write_events(tmp_path / "few.h5", sample)
    small = ["model.width=8", "model.global_width=8", "model.blocks=1", "model.layer_width=8", "model.layer_blocks=1"]
    bundle = moliere.train(
        "photons", tmp_path / "run", events=tmp_path / "few.h5", iterations=3, threads=1, settings=small
    )
    assert bundle.provenance["iterations"] == 3
    assert (tmp_path / "run" / "photons.bundle").is_file()
    fast = bundle.generate(tmp_path / "fast.h5", like=tmp_path / "few.h5", threads=1)
    assert len(fast) == 300
    report = moliere.evaluate(
        tmp_path / "few.h5", fast, tmp_path / "page", bundle=bundle, part="test", classifier_seeds=0, threads=1
    )
    assert 0 < report.reference.n_events < 100
    assert report.timing is not None
    assert (tmp_path / "page" / "report.html").is_file()
    with pytest.raises(ConfigError, match="needs a bundle"):
        moliere.evaluate(sample, fast, part="test")


def test_several_samples_are_ranked_and_one_is_checked(tmp_path: Path) -> None:
    sample = moliere.samples.open("photons-mini")
    for k, name in enumerate(("reference.h5", "one.h5", "two.h5")):
        write_events(tmp_path / name, sample[200 * k : 200 * (k + 1)])
    rows = moliere.compare(
        tmp_path / "reference.h5", [tmp_path / "one.h5", tmp_path / "two.h5"], classifier_seeds=0, threads=1
    )
    assert {Path(row.name).name for row in rows} == {"one.h5", "two.h5"}
    assert moliere.check(tmp_path / "one.h5").verdict == "no fault in 200 events"
    with pytest.raises(ConfigError, match="named twice"):
        moliere.compare(sample, ["photons-mini", "photons-mini"])


@pytest.mark.parametrize("verb", ["simulate", "train", "generate", "evaluate", "compare", "check"])
def test_the_verbs_have_the_words_and_defaults_of_the_command_line(verb: str) -> None:
    from importlib import import_module

    words = inspect.signature(getattr(moliere, verb)).parameters
    options = inspect.signature(getattr(import_module(f"moliere.cli.{verb}"), verb)).parameters
    ours = {"name", "progress", "watch", "tell", "console", "settings"}
    theirs = {
        "set_",
        "dry_run",
        "fail_if",
        "fix",
        "report",
        "settings",
        "physics",
        "fast",
        "cut",
        "threshold",
        "file",
        "events",
        "overwrite",
        "context",
        "shard",
        "shards",
        "print_job",
        "track",
        "to",
    }
    assert set(words) - ours - theirs - {"output"} <= set(options) | {"like"}
    assert set(options) - theirs - {"output"} <= set(words)
    for name in set(words) & set(options) - {"output", "settings"}:
        if inspect.Parameter.empty not in (words[name].default, options[name].default):
            assert words[name].default == options[name].default, name


@pytest.mark.parametrize("name", sorted(path.stem for path in Path(moliere.__file__).parent.glob("recipes/*.toml")))
def test_shipped_recipes_are_budgeted_in_iterations(name: str) -> None:
    from moliere.training import load_recipe

    training = load_recipe(name).training
    assert training.by_iterations
    assert training.limit_minutes is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"threads": 100_000}, "100000 CPU threads; expected"),
        ({"device": "nosuch"}, "no device 'nosuch'"),
        ({"device": "cuda:77"}, "no device 'cuda:77'"),
        ({"n": 10**30}, "1e\\+30 events; expected"),
        ({"n": -3}, "-3 events; expected"),
    ],
)
def test_what_no_machine_can_do_is_refused_in_one_sentence(words: dict[str, object], message: str) -> None:
    with pytest.raises((ConfigError, InvalidQuantity), match=message):
        moliere.generate("photons", **{"energy": "20 GeV", "n": 3, "threads": 1, **words})  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_threshold_is_the_one_that_the_bundle_was_trained_with() -> None:
    bundle = moliere.load("photons")
    bundle.model.threshold = 3.5
    events = moliere.open("photons-mini")
    report = moliere.evaluate(events[:20], events[20:40], bundle=bundle, classifier_seeds=0, threads=1)
    assert report.settings["threshold"] == 3.5
    for given, used in (("2 MeV", 2.0), (0.25, 0.25)):
        assert _threshold(given, bundle) == used
