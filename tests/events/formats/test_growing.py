"""Files that grow: whether events come from memory or from other files, however packed, the bytes are the same."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere.detectors import catalog
from moliere.events import Events
from moliere.events.formats import read_events
from moliere.events.formats.calochallenge import Compression, create

DETECTOR = catalog.get("calochallenge-1-photons")


def pieces(*sizes: int) -> list[Events]:
    rng = np.random.default_rng(0)
    return [
        Events(
            DETECTOR,
            {"energy": rng.uniform(1e3, 2e3, n), "theta": rng.uniform(0, 1, n)},
            rng.uniform(0, 9, (n, DETECTOR.n_channels)).astype(np.float32),
            weights=rng.uniform(1, 2, n),
            metadata={"seed": 3},
        )
        for n in sizes
    ]


@pytest.mark.parametrize("compression", ["gzip", "blosc"])
@pytest.mark.parametrize("sizes", [(500, 500, 123), (10, 500, 40), (9,)])
def test_files_are_appended_as_their_events_are(
    tmp_path: Path, sizes: tuple[int, ...], compression: Compression
) -> None:
    parts = [tmp_path / f"{k}.h5" for k in range(len(sizes))]
    for path, events in zip(parts, pieces(*sizes), strict=True):
        with create(path, DETECTOR, compression=compression) as part:
            part.append(events)
    with create(tmp_path / "events.h5", DETECTOR) as file:
        for events in pieces(*sizes):
            file.append(events)
    with create(tmp_path / "files.h5", DETECTOR) as file:
        for path in parts:
            file.append_file(path, {"seed": 3})
    assert (tmp_path / "files.h5").read_bytes() == (tmp_path / "events.h5").read_bytes()
    again = read_events(tmp_path / "files.h5")
    for name in ("signals", "energy", "weights"):
        np.testing.assert_array_equal(getattr(again, name), np.concatenate([getattr(e, name) for e in pieces(*sizes)]))
    assert again.metadata["seed"] == 3


def test_chunks_of_other_files_are_not_packed_again(tmp_path: Path) -> None:
    """A chunk with bytes after its end keeps them."""
    (events,) = pieces(500)
    with create(tmp_path / "part.h5", DETECTOR) as part:
        part.append(events)
    with h5py.File(tmp_path / "part.h5", "r+") as part:
        mask, packed = part["showers"].id.read_direct_chunk((0, 0))
        odd = packed + b"what follows is not looked at"
        part["showers"].id.write_direct_chunk((0, 0), odd, mask)
    with create(tmp_path / "file.h5", DETECTOR) as file:
        file.append_file(tmp_path / "part.h5", {})
    with h5py.File(tmp_path / "file.h5") as file:
        assert file["showers"].id.read_direct_chunk((0, 0))[1] == odd
    np.testing.assert_array_equal(read_events(tmp_path / "file.h5").signals, events.signals)
