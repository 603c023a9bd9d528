"""Latents from (run, event, track): the published generator, exact arithmetic, the right distributions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from moliere.deploy.philox import Part, draw, log_of, philox, sine_and_cosine, stream
from moliere.errors import BundleError, InvalidQuantity

LAWS = {
    "normal": stats.norm(),
    "half-normal": stats.halfnorm(),
    "logistic": stats.logistic(),
    "uniform": stats.uniform(-3, 6),
}


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ("00000000" * 4, "00000000" * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff" * 4, "ffffffff" * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a8885a308d313198a2e03707344", "a4093822299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_the_known_answers_of_random123(counter: str, key: str, words: str) -> None:
    numbers = [
        np.array([int(text[i : i + 8], 16) for i in range(0, len(text), 8)], np.uint64) for text in (counter, key)
    ]
    assert " ".join(f"{word:08x}" for word in philox(*numbers)) == words


def test_a_shower_made_alone_is_the_same() -> None:
    parts = [Part(5), Part(3, "uniform", scale=2.0), Part(4, "sign", share=0.3)]
    event, track = np.arange(20) % 3, np.arange(20)
    together = draw(parts, 7, event, track)
    order = np.random.default_rng(0).permutation(20)
    assert np.array_equal(draw(parts, 7, event[order], track[order]), together[order])
    for row in (0, 7, 19):
        assert np.array_equal(draw(parts, 7, int(event[row]), int(track[row]))[0], together[row])


def test_run_event_track_and_part_each_give_other_numbers() -> None:
    names = [(1, 2, 3), (2, 1, 3), (1, 3, 2), (3, 2, 1), (1, 2, 4), (1, 4, 3), (4, 2, 3)]
    shown = {draw([Part(8)], *name).tobytes() for name in names} | {draw([Part(0), Part(8)], 1, 2, 3).tobytes()}
    assert len(shown) == len(names) + 1


def test_a_longer_latent_begins_with_the_shorter_one() -> None:
    assert np.array_equal(draw([Part(9)], 1, 2, 3)[:, :7], draw([Part(7)], 1, 2, 3))


@pytest.mark.parametrize("law", sorted(LAWS))
def test_numbers_follow_their_law_and_do_not_correlate(law: str) -> None:
    numbers = draw([Part(40, law, scale=3.0)], 11, np.arange(100)[:, None].repeat(10, 1).ravel(), np.arange(1000) % 10)
    assert stats.kstest(numbers.ravel().astype(np.float64), LAWS[law].cdf).pvalue > 1e-3
    correlation = np.corrcoef(numbers.T)[np.triu_indices(40, 1)]
    assert stats.kstest(correlation * np.sqrt(1000), stats.norm().cdf).pvalue > 1e-3


def test_signs_have_their_share() -> None:
    signs = draw([Part(1000, "sign", share=0.2)], 1, 1, np.arange(100))
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert np.mean(signs == 1) == pytest.approx(0.2, abs=0.005)


def test_logarithm_sine_and_cosine_are_those_of_mathematics() -> None:
    """Within two units in the last place of numpy's, which is not exact either; near the ends of the interval, too."""
    edges = np.array([0, 1, 2, 2**30, 2**31 - 1, 2**31, 3 * 2**30, 2**32 - 2, 2**32 - 1])
    words = np.concatenate([edges, np.random.default_rng(0).integers(0, 2**32, 100_000)])
    u = (words + 0.5) / 2**32
    np.testing.assert_allclose(log_of(u), np.log(u), rtol=5e-16, atol=0)
    sine, cosine = sine_and_cosine(u)
    np.testing.assert_allclose(sine, np.sin(2 * np.pi * (u - (u > 0.5))), rtol=0, atol=4e-16)
    np.testing.assert_allclose(sine**2 + cosine**2, 1, rtol=5e-16)
    assert np.all((sine > 0) == (u < 0.5))


def test_every_step_is_one_rounded_operation() -> None:
    """The law can be repeated elsewhere: here with rational numbers, rounded after each operation as IEEE 754 says."""
    words = stream(*(np.array([k], np.uint64) for k in (3, 5, 7)), 0, 2)[0]
    u = [float(Fraction(2 * int(word) + 1, 2**33)) for word in words]
    (sine,), (cosine,) = sine_and_cosine(np.array(u[1:]))
    (log,) = log_of(np.array(u[:1]))
    radius = float(np.sqrt(float(Fraction(-2) * Fraction(float(log)))))
    expected = [np.float32(float(Fraction(radius) * Fraction(float(turn)))) for turn in (cosine, sine)]
    assert draw([Part(2)], 3, 5, 7)[0].tolist() == expected


def test_golden_numbers() -> None:
    """A change of the law would change every shower that was ever made: these never change."""
    numbers = draw([Part(3), Part(2, "logistic"), Part(2, "half-normal")], 2**32 - 1, 0, 12345)[0]
    assert [value.hex() for value in numbers.astype(float)] == GOLDEN


GOLDEN = [
    "-0x1.e2bd0a0000000p-3",
    "0x1.69f0800000000p+0",
    "0x1.4ac0c80000000p+0",
    "0x1.d98c940000000p-1",
    "-0x1.6ca6b20000000p+0",
    "0x1.b7e3bc0000000p-3",
    "0x1.9a0c400000000p-1",
]


@pytest.mark.parametrize("wrong", [-1, 2**32, 0.5, "first", [1, -1]])
def test_numbers_that_are_no_names_are_refused(wrong: object) -> None:
    with pytest.raises(InvalidQuantity, match=r"event is .*whole numbers"):
        draw([Part(2)], 0, wrong, 0)  # type: ignore[arg-type]


def test_no_showers_and_no_latent() -> None:
    assert draw([Part(4)], 0, 0, np.zeros(0, int)).shape == (0, 4)
    assert draw([], 0, 0, [1, 2]).shape == (2, 0)


def test_a_law_that_only_the_model_can_draw_is_refused() -> None:
    with pytest.raises(BundleError, match="'prior-bits'"):
        draw([Part(4, "prior-bits")], 0, 0, 0)
