"""Bytes of sound files are changed at random: a reader answers with events or with one of moliere's errors, soon."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from moliere.detectors import catalog
from moliere.errors import MoliereError
from moliere.events.formats import open_events

DATA = Path(__file__).parents[1] / "data"
GOLDEN = (
    *("golden.h5", "golden-3dgan.h5", "golden-calogan.h5", "golden-showerdata.h5", "golden-atlas_eta_020.h5"),
    *("golden-airshower.npz", "golden-table.npz", "golden-fastcalogan/pid22_E512_eta_20_25_voxalisation.csv"),
)
#: changed files a reader, and seconds that none of them may take
N_FILES, LONGEST = 300, 5.0


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


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", GOLDEN)
def test_a_changed_file_is_events_or_one_sentence(name: str, tmp_path: Path) -> None:
    sound = (DATA / name).read_bytes()
    path = tmp_path / Path(name).name
    if path.suffix == ".csv":
        shutil.copy(DATA / "golden-fastcalogan" / "binning.xml", tmp_path)
    detector = catalog.get("calogan") if "showerdata" in name else None
    n_read = 0
    for seed in range(N_FILES):
        rng = random.Random(f"{name} {seed}")
        content = bytearray(sound)
        rng.choice(MUTATIONS)(content, rng)
        path.write_bytes(content)
        start = time.perf_counter()
        with suppress(MoliereError):
            events = open_events(path, detector).take(slice(None))
            assert np.isfinite(events.signals).all()
            n_read += 1
        assert time.perf_counter() - start < LONGEST, f"seed {seed}"
    assert n_read, "nothing but refusals would prove little"
