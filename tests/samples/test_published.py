"""The table of published samples is whole: every entry can be asked for, and sums are sums."""

from __future__ import annotations

import re

from moliere.samples.fetch import published


def test_every_sample_says_where_it_is_and_what_to_cite() -> None:
    samples = published()
    wanted = {
        "calochallenge-1-photons",
        "calochallenge-1-pions",
        "calochallenge-2",
        "calochallenge-3",
        "calogan",
        "3dgan",
    }
    assert wanted <= set(samples)
    for sample in samples.values():
        assert sample.cite.startswith("doi:10.")
        assert bool(sample.zenodo) != bool(sample.url)
        assert all(re.fullmatch("[0-9a-f]{32}|", md5) for md5 in sample.files.values())
