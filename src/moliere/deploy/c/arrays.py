"""Where the numbers of a value lie: views of buffers, so that slices, transposes and expansions cost nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from numpy.typing import NDArray

from moliere.deploy.c.graph import C_TYPES, Kind

_BYTES = {"float32": 4, "float64": 8, "int64": 8, "int32": 4, "bool": 1}


@dataclass(eq=False)
class Buffer:
    """Memory that one shower needs for a while.

    Args:
        dtype: of its numbers.
        size: how many.
        numbers: what it holds, where that is known beforehand; such a buffer lies in a table beside the code.
        first: the call that writes it.
        last: the last call that reads it.
        place: byte in the shower's memory, once :func:`moliere.deploy.c.plan.place` has found one; position in its
            table for what is known beforehand.
    """

    dtype: str
    size: int
    numbers: NDArray[Any] | None = None
    first: int = -1
    last: int = -1
    place: int = -1

    @property
    def n_bytes(self) -> int:
        """Bytes a shower."""
        return self.size * _BYTES[self.dtype]


@dataclass(frozen=True)
class Array:
    """A value as a view of a buffer, as in numpy but with strides in numbers.

    Args:
        buffer: which holds the numbers.
        shape: of one shower.
        strides: numbers from one to the next along each axis; 0 repeats.
        offset: where the first number is.
    """

    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...] = field(default=())
    offset: int = 0

    @classmethod
    def whole(cls, buffer: Buffer, shape: tuple[int, ...]) -> Array:
        """All of a buffer, the last axis fastest."""
        return cls(buffer, shape, row_major(shape))

    @property
    def dtype(self) -> str:
        """Type of the numbers."""
        return self.buffer.dtype

    @property
    def c_type(self) -> str:
        """Type of the numbers in C."""
        return C_TYPES[self.buffer.dtype]

    @property
    def kind(self) -> Kind:
        """Type and shape."""
        return Kind(self.dtype, self.shape)

    @property
    def size(self) -> int:
        """Number of numbers."""
        return prod(self.shape)

    @property
    def is_contiguous(self) -> bool:
        """Whether the numbers lie one after the other in the order of the axes."""
        return loops(self.shape, [self.strides]) in ([], [(self.size, (1,))])

    def slice(self, axis: int, start: int, length: int, step: int = 1) -> Array:
        """``length`` entries of one axis."""
        shape, strides = list(self.shape), list(self.strides)
        offset = self.offset + start * strides[axis]
        shape[axis], strides[axis] = length, strides[axis] * step
        return replace(self, shape=tuple(shape), strides=tuple(strides), offset=offset)

    def transpose(self, order: tuple[int, ...]) -> Array:
        """The axes in another order."""
        shape = tuple(self.shape[axis] for axis in order)
        return replace(self, shape=shape, strides=tuple(self.strides[axis] for axis in order))

    def expand(self, shape: tuple[int, ...]) -> Array:
        """Repeated along new axes and those of length 1, by the rules of ONNX and numpy."""
        missing = len(shape) - len(self.shape)
        old = ((1, 0),) * missing + tuple(zip(self.shape, self.strides, strict=True))
        strides = tuple(stride if length == wanted else 0 for (length, stride), wanted in zip(old, shape, strict=True))
        return replace(self, shape=shape, strides=strides)

    def reshape(self, shape: tuple[int, ...]) -> Array | None:
        """Another shape of the same numbers; ``None`` where they would have to move."""
        if shape == self.shape:
            return self
        if self.is_contiguous:
            return replace(self, shape=shape, strides=row_major(shape))
        long = [(length, stride) for length, stride in zip(self.shape, self.strides, strict=True) if length != 1]
        if [length for length, _ in long] != [length for length in shape if length != 1]:
            return None
        rest = iter(long)
        return replace(self, shape=shape, strides=tuple(next(rest)[1] if length != 1 else 0 for length in shape))


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides where the last axis is fastest.

    Example:
        >>> row_major((2, 3, 4))
        (12, 4, 1)
    """
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def loops(shape: tuple[int, ...], strides: list[tuple[int, ...]]) -> list[tuple[int, tuple[int, ...]]]:
    """The fewest loops that run over a shape, for several arrays at once.

    Args:
        shape: of all arrays.
        strides: of each array.

    Returns:
        Length and each array's stride of each loop, the outermost first; none for a single number.

    Example:
        >>> loops((2, 3, 4), [(12, 4, 1), (0, 4, 1)])
        [(2, (12, 0)), (12, (1, 1))]
    """
    found: list[tuple[int, tuple[int, ...]]] = []
    for axis, length in enumerate(shape):
        steps = tuple(each[axis] for each in strides)
        if length == 1:
            continue
        if found and found[-1][1] == tuple(length * step for step in steps):
            found[-1] = (found[-1][0] * length, steps)
        else:
            found.append((length, steps))
    return found
