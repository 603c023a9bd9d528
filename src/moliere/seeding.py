"""Seeds that depend on what they are for, so that no result depends on batch sizes, workers or a resumed run."""

from __future__ import annotations

from enum import IntEnum
from typing import cast

import numpy as np


class Purpose(IntEnum):
    """What a training derives a seed for: the first number of the path."""

    BATCHES = 0
    NOISE = 1
    VALIDATION = 2
    WEIGHTS = 3
    FIT_SAMPLE = 4
    JUDGE = 5
    SECOND_SAMPLE = 6
    MATCHED_ENERGIES = 7
    CALIBRATION = 8
    TIMES = 9


def derive_seed(seed: int, *path: int) -> int:
    """A seed for one piece of work: iteration 7 of a training, block 12 of a generation.

    Different paths give independent seeds; the same path always gives the same.

    Args:
        seed: the user's.
        path: whole numbers ≥ 0 that name the piece.

    Returns:
        A number in [0, 2⁶³).

    Example:
        >>> derive_seed(1, 2) == derive_seed(1, 2), derive_seed(1, 2) == derive_seed(1, 3)
        (True, False)
    """
    # as a spawn key: in the entropy itself a trailing zero would change nothing
    state = np.random.SeedSequence(seed, spawn_key=path).generate_state(1, np.uint64)[0]
    return int(state >> np.uint64(1))


def derive_rng(rng: np.random.Generator, name: str) -> np.random.Generator:
    """A stream of random numbers of its own for one column, whatever ``rng`` has been used for before.

    Args:
        rng: from :func:`numpy.random.default_rng`.
        name: of the column.

    Example:
        >>> a, b = np.random.default_rng(1), np.random.default_rng(1)
        >>> _ = b.random(100)
        >>> derive_rng(a, "theta").random() == derive_rng(b, "theta").random()
        True
    """
    root = cast(np.random.SeedSequence, rng.bit_generator.seed_seq)
    return np.random.default_rng(np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, *name.encode())))
