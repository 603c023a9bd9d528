"""An evaluation as numbered shards: findings, and the pieces of those whose work falls into some.

They are done one after the other here, or by any executor in any order. What comes of a shard depends on the samples,
the seed and the shard alone, so that a report is the same with any number of workers (of one thread each: sums over
other numbers of threads round in another order).
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from moliere.errors import CheckpointError
from moliere.evaluation.finding import CutFinding, Failed, Finding
from moliere.evaluation.samples import Samples
from moliere.evaluation.suites import suites
from moliere.plugins import load_plugins
from moliere.production.calls import Engine, Failure, answers_of
from moliere.production.mapped import read_mapped, write_mapped
from moliere.progress import parts, silent
from moliere.threads import limited_threads

#: file → the samples in it, once this process has read them
_held: dict[Path, Samples | None] = {}
#: torch's random numbers and numbers of threads are a whole process's, which may have several threads that work
_alone = Lock()


@dataclass(frozen=True)
class Shard:
    """A finding, or a piece of it.

    Args:
        kind: of the finding.
        name: of the piece; ``None`` is all of it.
        third: whether it looks at the baseline in place of the generated sample.
    """

    kind: type[Finding]
    name: Any = None
    third: bool = False

    def do(self, samples: Samples) -> Any:
        """What comes of it, or how it failed, which leaves all other findings alone."""
        try:
            samples = seen(samples, third=self.third)
            return self.kind.piece(samples, self.name) if issubclass(self.kind, CutFinding) else self.kind.look(samples)
        except Exception as error:  # whoever wrote the finding may have raised anything
            return Failure(error)


#: samples and shards → what comes of each
Doer = Callable[[Samples, Sequence[Shard]], Sequence[Any]]


def seen(samples: Samples, *, third: bool) -> Samples:
    """The samples, or those with the baseline in place of the generated one."""
    return replace(samples, generated=samples.baseline) if third and samples.baseline is not None else samples


def look_at(kinds: Sequence[type[Finding]], samples: Samples, do: Doer, *, third: bool = False) -> list[Finding | None]:
    """What is found of each kind: ``None`` where there is nothing to see, :class:`Failed` where looking failed.

    Args:
        kinds: of findings.
        samples: what is compared.
        do: does the shards.
        third: whether the baseline is looked at in place of the generated sample.
    """
    cut = {kind: _cut(kind, seen(samples, third=third)) for kind in kinds}
    shards = [Shard(kind, name, third) for kind, names in cut.items() if isinstance(names, tuple) for name in names]
    found = dict(zip(shards, do(samples, shards), strict=True))
    joined = []
    for kind, names in cut.items():
        pieces = {name: found[Shard(kind, name, third)] for name in names} if isinstance(names, tuple) else {}
        failed = next((one for one in (names, *pieces.values()) if isinstance(one, Failure)), None)
        joined.append(_joined(kind, seen(samples, third=third), pieces, failed))
    return joined


def _cut(kind: type[Finding], samples: Samples) -> tuple[Any, ...] | Failure:
    try:
        return tuple(kind.cut(samples)) if issubclass(kind, CutFinding) else (None,)
    except Exception as error:
        return Failure(error)


def _joined(kind: type[Finding], samples: Samples, pieces: dict[Any, Any], failed: Failure | None) -> Finding | None:
    try:
        if failed is not None:
            raise failed.error
        found: Finding | None = pieces.get(None)
        if issubclass(kind, CutFinding):
            found = kind.joined(samples, pieces) if pieces else None
        if found is not None:
            json.dumps(found.to_dict())  # here the finding's name is known, and the others can still be written
    except Exception as error:
        return Failed(kind.kind, f"{type(error).__name__}: {error}")
    return found


def _efforts(samples: Samples, shards: Sequence[Shard]) -> list[float]:
    kinds = [shard.kind for shard in shards]
    return [kind.effort(samples) / kinds.count(kind) for kind in kinds]


def do_here(samples: Samples, shards: Sequence[Shard]) -> list[Any]:
    """One after the other."""
    shares = parts(samples.progress, _efforts(samples, shards))
    return [shard.do(replace(samples, progress=share)) for shard, share in zip(shards, shares, strict=True)]


@contextmanager
def everywhere(engine: Engine, suite: str, scratch: Path | None) -> Iterator[Doer]:
    """Shards are done by an executor, whose processes map the samples from one file.

    Args:
        engine: makes the executor.
        suite: name of the samples' suite; the functions that it holds do not travel.
        scratch: folder that all machines see; any of this machine by default.
    """
    with TemporaryDirectory(prefix=".evaluation-", dir=scratch) as folder:
        path = Path(folder).absolute() / "samples"
        with engine(initializer=_hold, initargs=(path,)) as executor:
            yield partial(_do_everywhere, executor, path, suite)


def _do_everywhere(executor: Executor, path: Path, suite: str, samples: Samples, shards: Sequence[Shard]) -> list[Any]:
    """The longest first, so that at the end no worker waits long for another."""
    if not path.exists():
        write_mapped(replace(samples, suite=None, progress=silent), path)  # type: ignore[arg-type]
    efforts = _efforts(samples, shards)
    order = sorted(range(len(shards)), key=lambda k: -efforts[k])
    left, whole = sum(efforts), sum(efforts) or 1.0

    def done(call: int) -> None:
        nonlocal left
        left -= efforts[order[call]]
        samples.progress(shards[order[call]].kind.title.lower(), 1 - left / whole)

    answers = answers_of(executor, [(_do, path, suite, shards[k]) for k in order], done)
    found = dict(zip(order, answers, strict=True))
    return [found[k] for k in range(len(shards))]


def _hold(path: Path) -> Callable[[], None]:
    """In each process, before its first shard; returns what lets go."""
    _held[path] = None
    return partial(_held.pop, path, None)  # type: ignore[return-value]


def _do(path: Path, suite: str, shard: Shard) -> Any:
    """In a process of the executor."""
    with _alone, limited_threads(1):
        samples = _held[path]
        if samples is None:
            load_plugins()
            try:
                samples = _held[path] = replace(read_mapped(path), suite=suites[suite])
            except OSError:
                raise CheckpointError(
                    f"{path.parent} is not there, seen from {platform.node()}; all machines must see this folder"
                ) from None
        return shard.do(samples)
