r"""Latents that belong to (run, event, track): the same numbers in numpy and in C, whatever is made before or beside.

Random words come from Philox4x32-10, a function of a key and a counter without any state, so a single shower can be
made again alone. The law, which C code repeats bit for bit:

1. The latent of a model has parts, numbered p = 0, 1, … Number k of part p is made from words of one stream: word k is
   ``philox(counter=(k // 4, track, p, 0), key=(run, event))[k % 4]``, all unsigned 32-bit, counter and key in
   Random123's order (element 0 first).
2. A word x is the uniform number :math:`u = (x + 0.5) / 2^{32}`, exact in float64, never 0 and never 1.
3. Normal numbers come in pairs (Box and Muller) from two neighbouring words: for even k,
   :math:`z_k = r \cos 2\pi u_{k+1}`, :math:`z_{k+1} = r \sin 2\pi u_{k+1}`, :math:`r = \sqrt{-2 \ln u_k}`. Where a part
   has an odd size, the last sine is not used.
4. The other laws take one word each: see :func:`_of_law`.
5. Everything is float64 until the last step, which rounds to float32.

Logarithm, sine and cosine of a C library differ between systems in the last bit, and numpy's differ from all of them.
So :func:`log_of` and :func:`sine_and_cosine` compute them with nothing but +, -, ×, ÷ and the square root, which IEEE
754 rounds everywhere alike. Each is one operation of float64 in the order written here; C code must be compiled so that
no multiplication and addition are contracted into one (``-ffp-contract=off`` for that function), and never with
``-ffast-math``.

References:
    Parallel random numbers: as easy as 1, 2, 3, J. Salmon et al., 2011, https://doi.org/10.1145/2063384.2063405;
    the polynomials are those of FreeBSD's e_log.c, k_sin.c and k_cos.c (fdlibm, Sun Microsystems, 1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moliere.errors import BundleError, InvalidQuantity

Floats = NDArray[np.float64]
Words = NDArray[np.uint32]
Numbers = NDArray[np.uint64]

_MASK = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(32)
_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)
_ROUNDS = 10

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_LOG = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
_SINE = (
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
)
_COSINE = (
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
)
#: of q = 0, 1, 2, 3, 4
_SIGN_OF_SINE = np.array([1.0, 1.0, -1.0, -1.0, 1.0])
_SIGN_OF_COSINE = np.array([1.0, -1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Part:
    """Numbers of a latent that lie side by side and have one distribution.

    Args:
        size: how many.
        law: normal, half-normal, logistic, uniform or sign.
        scale: of ``uniform``.
        share: of 1 in ``sign``.
    """

    size: int
    law: str = "normal"
    scale: float = 1.0
    share: float = 0.5


def draw(parts: Sequence[Part], run: ArrayLike, event: ArrayLike, track: ArrayLike) -> NDArray[np.float32]:
    """Latents of showers.

    Args:
        parts: of the model's latent, in their order.
        run: number of the run of each shower, from 0 to 2³² - 1; one number for all, or one a shower.
        event: number of the event in the run.
        track: number of the track in the event.

    Returns:
        (n_showers, size of all parts).

    Raises:
        InvalidQuantity: a number that is not whole or does not fit into 32 bits.
        BundleError: a law that is not known here.

    Example:
        >>> draw([Part(2)], run=1, event=2, track=[0, 1]).round(4)
        array([[-2.2676, -1.5823],
               [-0.3783,  1.6133]], dtype=float32)
        >>> draw([Part(2)], run=1, event=2, track=1).round(4)
        array([[-0.3783,  1.6133]], dtype=float32)
    """
    numbers = np.broadcast_arrays(*(_number(*pair) for pair in (("run", run), ("event", event), ("track", track))))
    runs, events, tracks = (np.atleast_1d(values) for values in numbers)
    sizes = [4 * -(-part.size // 4) for part in parts]
    words = _words(runs, events, tracks, sizes)
    pieces, start = [np.zeros((len(runs), 0), np.float32)], 0
    for part, size in zip(parts, sizes, strict=True):
        pieces.append(_of_law(part, words[:, start : start + size])[:, : part.size].astype(np.float32))
        start += size
    return np.concatenate(pieces, axis=1)


def stream(run: NDArray[np.uint64], event: NDArray[np.uint64], track: NDArray[np.uint64], part: int, n: int) -> Words:
    """The first n words of one part of the latents of showers: (n_showers,) → (n_showers, n)."""
    return _words(run, event, track, [0] * part + [4 * -(-n // 4)])[:, :n]


def _words(
    run: NDArray[np.uint64], event: NDArray[np.uint64], track: NDArray[np.uint64], sizes: Sequence[int]
) -> Words:
    """So many words of each part, side by side: (n_showers,) → (n_showers, all sizes), sizes in multiples of four."""
    blocks = np.concatenate([np.zeros(0, np.uint64), *(np.arange(size // 4, dtype=np.uint64) for size in sizes)])
    parts = np.repeat(np.arange(len(sizes), dtype=np.uint64), [size // 4 for size in sizes])
    counter = (blocks[None], track[:, None], parts[None], np.zeros((1, 1), np.uint64))
    rounds = _rounds(counter, (run[:, None], event[:, None]))
    return np.stack(np.broadcast_arrays(*rounds), axis=-1).reshape(len(run), sum(sizes)).astype(np.uint32)


def philox(counter: NDArray[np.uint64], key: NDArray[np.uint64]) -> Words:
    """Philox4x32-10: counters (…, 4) and keys (…, 2) of numbers below 2³² → words (…, 4).

    Example:
        >>> [f"{word:08x}" for word in philox(np.zeros(4, np.uint64), np.zeros(2, np.uint64))]
        ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    a, b, c, d = np.moveaxis(counter, -1, 0)
    return np.stack(_rounds((a, b, c, d), (key[..., 0], key[..., 1])), axis=-1).astype(np.uint32)


def _rounds(counter: tuple[Numbers, Numbers, Numbers, Numbers], key: tuple[Numbers, Numbers]) -> tuple[Numbers, ...]:
    """Ten rounds, element by element: whatever shapes fit together."""
    (a, b, c, d), (first, second) = counter, key
    for number in range(_ROUNDS):
        step = np.uint64(number)
        left, right = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, c = (
            (right >> _HIGH) ^ b ^ ((first + step * _WEYL[0]) & _MASK),
            (left >> _HIGH) ^ d ^ ((second + step * _WEYL[1]) & _MASK),
        )
        b, d = right & _MASK, left & _MASK
    return a, b, c, d


def _of_law(part: Part, words: Words) -> Floats:
    """Words (n, k), k even → numbers of a law, float64.

    With u the uniform number of a word and z the normal number of its pair: ``normal`` z; ``half-normal`` |z|;
    ``logistic`` ln u - ln(1 - u); ``uniform`` scale · (2u - 1); ``sign`` 1 where u is below the share, else -1.
    """
    u = (words.astype(np.float64) + 0.5) * 2.0**-32
    if part.law in ("normal", "half-normal"):
        z = np.empty_like(u)
        radius = np.sqrt(-2.0 * log_of(u[:, ::2]))
        sine, cosine = sine_and_cosine(u[:, 1::2])
        z[:, ::2], z[:, 1::2] = radius * cosine, radius * sine
        return z if part.law == "normal" else np.abs(z)
    if part.law == "logistic":
        return log_of(u) - log_of(1.0 - u)
    if part.law == "uniform":
        return part.scale * (2.0 * u - 1.0)
    if part.law == "sign":
        return np.where(u < part.share, 1.0, -1.0)
    raise BundleError(
        f"the model's latent has a part of law {part.law!r}, which is not drawn here; expected normal, half-normal, "
        "logistic, uniform or sign; draw the latent yourself and pass it"
    )


def log_of(u: Floats) -> Floats:
    r"""Natural logarithm of numbers in (0, 1), within one unit in the last place of float64.

    :math:`u = 2^e m` with m in [0.5, 1), doubled where it is below 0.7071067811865476;
    then with f = m - 1 and s = f / (2 + f), ln m = f - (h - s (h + R(s²))) where h = 0.5 f².

    Example:
        >>> bool(abs(log_of(np.array([0.25]))[0] - np.log(0.25)) < 1e-15)
        True
    """
    m, e = np.frexp(u)
    small = m < 0.7071067811865476
    m, k = np.where(small, m * 2.0, m), np.where(small, e - 1, e).astype(np.float64)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    polynomial = _horner(_LOG, z) * z
    h = 0.5 * f * f
    return k * _LN2_HIGH - ((h - (s * (h + polynomial) + k * _LN2_LOW)) - f)


def sine_and_cosine(u: Floats) -> tuple[Floats, Floats]:
    r""":math:`\sin 2\pi u` and :math:`\cos 2\pi u` of uniform numbers.

    q = floor(4u + 0.5) is the nearest quarter, r = u - q/4 in [-1/8, 1/8] is exact, and x = 2π r goes into the
    polynomials; then (sin, cos) is (S, C), (C, -S), (-S, -C) or (-C, S) for q mod 4 = 0, 1, 2, 3.

    Example:
        >>> [float(values[0]) for values in sine_and_cosine(np.array([0.25]))]
        [1.0, -0.0]
    """
    q = np.floor(4.0 * u + 0.5)
    x = 6.283185307179586 * (u - 0.25 * q)
    z = x * x
    sine = x + z * x * _horner(_SINE, z)
    cosine = (1.0 - 0.5 * z) + z * z * _horner(_COSINE, z)
    quarter = q.astype(np.intp)
    turned = quarter % 2 == 1
    first, second = np.where(turned, cosine, sine), np.where(turned, sine, cosine)
    return _SIGN_OF_SINE[quarter] * first, _SIGN_OF_COSINE[quarter] * second


def _horner(coefficients: Sequence[float], z: Floats) -> Floats:
    """c₀ + z (c₁ + z (c₂ + …)), from the inside outwards: one product and one sum for each coefficient."""
    result = np.full_like(z, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = coefficient + z * result
    return result


def _number(name: str, values: ArrayLike) -> NDArray[np.uint64]:
    """Numbers of 32 bits, checked."""
    given = np.asarray(values)
    if given.size and (given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= 2**32):
        raise InvalidQuantity(f"{name} is {str(values)[:60]}; expected whole numbers from 0 to 2³² - 1")
    return given.astype(np.uint64)
