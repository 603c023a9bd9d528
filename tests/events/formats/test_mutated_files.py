"""Bytes of sound files are changed at random: a reader answers with events or with one of moliere's errors, soon."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import awkward
import numpy as np
import pytest
import uproot

from moliere import samples
from moliere.detectors import Detector, catalog
from moliere.errors import MoliereError
from moliere.events.formats import open_events, write_events
from moliere.events.store import EventStore

DATA = Path(__file__).parents[1] / "data"
GOLDEN = (
    *("golden.h5", "golden-3dgan.h5", "golden-calogan.h5", "golden-showerdata.h5", "golden-atlas_eta_020.h5"),
    *("golden-lemurs.h5", "golden-hgcal.h5", "golden-calohadronic.h5", "golden-calohadronic-cells.h5"),
    *("golden-step2point.h5", "golden-auger.json"),
    *("golden-airshower.npz", "golden-table.npz", "golden-fastcalogan/pid22_E512_eta_20_25_voxalisation.csv"),
)
#: layouts that do not say which detector they are of
NAMELESS = ("showerdata", "hgcal", "calohadronic", "step2point")
#: changed files a reader, and seconds that none of them may take
N_FILES, LONGEST = 300, 5.0
#: of 507 branches, which take a third of a second to open
FEW = 30


def flip(content: bytearray, rng: random.Random) -> None:
    # most of what steers a reader lies at either end
    for _ in range(rng.randint(1, 8)):
        span = rng.choice([256, 1024, len(content)])
        at = rng.randrange(min(span, len(content)))
        content[at if rng.random() < 0.7 else -1 - at] = rng.randrange(256)


def cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content)) :]


def drop(content: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(content))
    del content[at : at + rng.randint(1, 64)]


def repeat(content: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(content))
    content[at:at] = content[at : at + rng.randint(1, 64)]


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (flip, flip, flip, cut, drop, repeat)


def parquet(path: Path) -> None:
    write_events(path, samples.open("photons-mini")[:5], "table")


def npy(path: Path) -> None:
    np.save(path, np.ones(4, [(name, "f4") for name in ("charge", "x", "y", "z", "px", "py", "pz")]))


def csv(path: Path) -> None:
    events = samples.open("photons-mini")[:5]
    header = ",".join(["energy", *(f"cell_{k}" for k in range(events.signals.shape[1]))])
    np.savetxt(path, np.column_stack([events.energy, events.signals]), delimiter=",", header=header, comments="")


def root_hits(path: Path) -> None:
    hits = awkward.Array([[1, 2], [3], []])
    with uproot.recreate(path) as file:
        file["hits"] = {"energy": np.full(3, 5e3), "hit_e": hits * 100.0, "channel": hits}


def calogan_root(path: Path) -> None:
    write_events(path, open_events(DATA / "golden-calogan.h5"), "calogan-root")


def fairship(path: Path) -> None:
    write_events(path, open_events(DATA / "golden-table.npz"), "fairship")


#: what the tests make themselves: files of ROOT are large, however little is in them
MADE = {
    "x.parquet": parquet,
    "x.npy": npy,
    "x.csv": csv,
    "hits.root": root_hits,
    "calogan.root": calogan_root,
    "fairship.root": fairship,
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MADE)
def test_a_changed_table_or_tree_is_events_or_one_sentence(name: str, tmp_path: Path) -> None:
    MADE[name](tmp_path / f"sound-{name}")
    sound = (tmp_path / f"sound-{name}").read_bytes()
    read_changed(name, sound, tmp_path / name, catalog.get("calogan") if name == "hits.root" else None)


@pytest.mark.slow
def test_a_changed_store_is_the_events_or_one_sentence(tmp_path: Path) -> None:
    events = samples.open("photons-mini")[:50]
    EventStore(tmp_path / "s.store", events).close()
    sound = (tmp_path / "s.store").read_bytes()
    for seed in range(N_FILES):
        (tmp_path / "s.store").write_bytes(change(sound, f"store {seed}"))
        with EventStore(tmp_path / "s.store", events) as store, suppress(MoliereError):
            assert (store.take(slice(None)).signals == events.signals).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", GOLDEN)
def test_a_changed_file_is_events_or_one_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / Path(name).name
    if path.suffix == ".csv":
        shutil.copy(DATA / "golden-fastcalogan" / "binning.xml", tmp_path)
    detector = catalog.get("calogan") if any(word in name for word in NAMELESS) else None
    read_changed(name, (DATA / name).read_bytes(), path, detector)


def change(sound: bytes, seed: str) -> bytes:
    rng, content = random.Random(seed), bytearray(sound)
    rng.choice(MUTATIONS)(content, rng)
    return bytes(content)


def read_changed(name: str, sound: bytes, path: Path, detector: Detector | None) -> None:
    n_read = 0
    for seed in range(N_FILES if name != "calogan.root" else FEW):
        path.write_bytes(change(sound, f"{name} {seed}"))
        start = time.perf_counter()
        with suppress(MoliereError):
            events = open_events(path, detector).take(slice(None))
            assert np.isfinite(events.signals).all()
            n_read += 1
        assert time.perf_counter() - start < LONGEST, f"seed {seed}"
    assert n_read, "nothing but refusals would prove little"
