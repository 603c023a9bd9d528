"""One object in a file that many processes map: its arrays are in the machine's memory once, however many look."""

from __future__ import annotations

import json
import mmap
import pickle
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from moliere.files import writing

#: bytes that pieces of the file begin at a multiple of, as arrays should, and those of the header
_STEP, _HEADER = 64, 8


def write_mapped(thing: Any, path: Path) -> None:
    """Write an object whose arrays lie in one piece each.

    Raises:
        WriteError: the disk is full.
    """
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(thing, protocol=5, buffer_callback=buffers.append)
    pieces = [memoryview(body), *(buffer.raw() for buffer in buffers)]
    sizes = memoryview(json.dumps([piece.nbytes for piece in pieces]).encode())
    with writing(path), path.open("wb") as file:
        for piece in (memoryview(sizes.nbytes.to_bytes(_HEADER, "little")), sizes, *pieces):
            file.write(piece)
            file.write(bytes(-file.tell() % _STEP))


def read_mapped(path: Path) -> Any:
    """The object; what is written to its arrays stays in this process.

    Raises:
        OSError: the file is not there.
    """
    with path.open("rb") as file:
        memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    (size,) = _pieces(memory, 0, [_HEADER])
    (text,) = _pieces(memory, _STEP, [int.from_bytes(size, "little")])
    body, *buffers = _pieces(memory, _STEP + len(text) + -len(text) % _STEP, json.loads(bytes(text)))
    return pickle.loads(body, buffers=buffers)


def _pieces(memory: memoryview, start: int, sizes: Iterable[int]) -> Iterator[memoryview]:
    sizes = list(sizes)
    starts = accumulate((size + -size % _STEP for size in sizes), initial=start)
    return (memory[first : first + size] for first, size in zip(starts, sizes, strict=False))
