"""What a step was made from, in a small file: so that the same command knows what is done and what changed.

As with make and ccache, a file whose size, time of change and inode are those that were recorded is taken for the same
without being read; only where they differ its content is hashed. So a second run reads next to nothing, and a file that
was copied or touched does not make anything run again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from moliere.files import replacing
from moliere.pipelines.pipeline import Pipeline, Step
from moliere.version import installed_version

#: options that change how fast a step is, not what it makes
_NO_MATTER = {"workers", "cluster"}


@dataclass(frozen=True)
class Print:
    """A file as it was.

    Args:
        size: bytes.
        changed: time of its last change, nanoseconds.
        inode: its number in the file system, which a file that replaces it does not have.
        sha256: of its content.
    """

    size: int
    changed: int
    inode: int
    sha256: str

    def is_of(self, status: os.stat_result) -> bool:
        """Whether a file looks the same from outside."""
        return (self.size, self.changed, self.inode) == (status.st_size, status.st_mtime_ns, status.st_ino)


@dataclass(frozen=True)
class Manifest:
    """How a step's outputs were made.

    Args:
        moliere: version.
        settings: options of the verb and the verb itself.
        inputs: files that were read.
        outputs: files that were written; empty where the step did not end.
        seconds: how long it took.
        done: whether it ended well.
        finished: when, in local time.
    """

    moliere: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Print]
    outputs: Mapping[str, Print] = field(default_factory=dict)
    seconds: float = 0.0
    done: bool = False
    finished: str = ""

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """None where there is none, or where it cannot be understood: then the step is made again."""
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            for key in ("inputs", "outputs"):
                table[key] = {name: Print(**value) for name, value in table[key].items()}
            return cls(**table)
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return None

    def write(self, path: Path) -> None:
        """Replace the file as a whole."""
        with replacing(path, overwrite=True) as partial:
            partial.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    def same_making(self, other: Manifest) -> bool:
        """Whether both were made from the same, in the same way."""
        return (
            (self.moliere, self.settings) == (other.moliere, other.settings)
            and self.inputs.keys() == other.inputs.keys()
            and all(other.inputs[name].sha256 == mark.sha256 for name, mark in self.inputs.items())
        )


class Records:
    """All manifests of a pipeline, and what is known of its files.

    Args:
        pipeline: whose.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._manifests = {step.name: Manifest.read(pipeline.manifest(step)) for step in pipeline.steps}
        self._known: dict[str, list[Print]] = {}
        for manifest in filter(None, self._manifests.values()):
            for name, mark in (*manifest.inputs.items(), *manifest.outputs.items()):
                self._known.setdefault(name, []).append(mark)

    def of(self, step: Step) -> Manifest | None:
        """What is recorded of a step."""
        return self._manifests[step.name]

    def keep(self, step: Step, manifest: Manifest) -> None:
        """Record a step."""
        manifest.write(self.pipeline.manifest(step))
        self._manifests[step.name] = manifest

    def would_be(self, step: Step) -> Manifest:
        """What would be recorded if the step began now."""
        settings = {key: value for key, value in step.values.items() if key not in _NO_MATTER}
        return Manifest(installed_version(), {"verb": step.verb, **settings}, self.prints(step.reads))

    def prints(self, names: Iterable[str]) -> dict[str, Print]:
        """Those of the files that are there."""
        found = {name: self._print(name) for name in names}
        return {name: mark for name, mark in found.items() if mark is not None}

    def _print(self, name: str) -> Print | None:
        path = self.pipeline.base / name
        try:
            status = path.stat()
        except OSError:
            return None
        for mark in () if path.is_dir() else self._known.get(name, ()):
            if mark.is_of(status):
                return mark
        mark = Print(status.st_size, status.st_mtime_ns, status.st_ino, _hash(path))
        self._known.setdefault(name, []).append(mark)
        return mark

    def stale(self, step: Step) -> str | None:
        """Why a step must run, in words; None where its outputs are those that it would make."""
        last, now = self.of(step), self.would_be(step)
        if last is None:
            return "not made yet"
        if not last.done:
            return "it did not end" if last.same_making(now) else "it did not end, and has changed since"
        if last.moliere != now.moliere:
            return f"it was made with moliere {last.moliere}"
        return _changed_settings(last.settings, now.settings) or self._changed_files(step, last, now)

    def _changed_files(self, step: Step, last: Manifest, now: Manifest) -> str | None:
        for name in {**last.inputs, **now.inputs}:
            before, after = last.inputs.get(name), now.inputs.get(name)
            if before is None or after is None or before.sha256 != after.sha256:
                return f"{name} has changed" if before and after else f"{name} is {'new' if after else 'gone'}"
        there = self.prints(step.writes)
        for name in step.writes:
            if name not in there:
                return f"{name} is missing"
            if name not in last.outputs or there[name].sha256 != last.outputs[name].sha256:
                return f"{name} was changed by someone else"
        return None

    def strangers(self, step: Step) -> list[str]:
        """Outputs that are there, and that this step did not write."""
        last, there = self.of(step), self.prints(step.writes)
        if last is None:
            return list(there)
        if not last.done:
            return []
        known = {name: mark.sha256 for name, mark in last.outputs.items()}
        return [name for name, mark in there.items() if known.get(name) != mark.sha256]

    def is_resumable(self, step: Step) -> bool:
        """Whether an interrupted run of the very same step left something to go on from."""
        last = self.of(step)
        return (
            step.checkpoint is not None
            and (self.pipeline.base / step.checkpoint).exists()
            and last is not None
            and not last.done
            and last.same_making(self.would_be(step))
        )


def _changed_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    for key in {**before, **after}:
        if before.get(key) != after.get(key):
            name = key.removeprefix("set.")
            if key not in before:
                return f"{name} = {after[key]} is new"
            return f"{name} was {before[key]}" + (f" and is {after[key]}" if key in after else " and is left out")
    return None


def _hash(path: Path) -> str:
    if path.is_dir():  # its own times say nothing of the files in it
        parts = [f"{file.relative_to(path)} {_hash(file)}" for file in sorted(path.rglob("*")) if file.is_file()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
