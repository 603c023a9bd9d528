"""What is made in numbered blocks, a simulation or a generation, and the folder in which its finished blocks lie.

Every block has a random stream of its own that follows from the seed and the block's number, so that the result depends
neither on the number of workers nor on interruptions.
"""

from __future__ import annotations

import json
import os
import platform
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

from moliere.detectors import Detector
from moliere.errors import CheckpointError
from moliere.events import Events
from moliere.events.formats.calochallenge import Compression, create
from moliere.seeding import derive_seed
from moliere.version import installed_version

#: of the files of blocks
PART_FORMAT = "calochallenge"


class Job(ABC):
    """Events to be written to one file; a frozen dataclass that can be sent to other processes.

    Attributes:
        output: the file; finished blocks lie beside it in a folder ``<output>.parts`` until it is whole.
        seed: of all events.
        format: of the file.
        isolated: whether a block may crash its process, or needs one that does nothing else.
        counted: entries of the metadata that are numbers by name, which add up over the blocks.
    """

    output: Path
    seed: int
    format: str = "calochallenge"
    isolated: bool = False
    counted: tuple[str, ...] = ()

    @abstractmethod
    def __len__(self) -> int:
        """Number of events."""

    @property
    @abstractmethod
    def block_size(self) -> int:
        """Events of a block."""

    @property
    @abstractmethod
    def detector(self) -> Detector:
        """What is read out."""

    @property
    @abstractmethod
    def mark(self) -> str:
        """What decides the result; a run that is resumed must have the same."""

    @abstractmethod
    def make(self, block: int) -> Events:
        """The events of a block, in this very process."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What the whole file says of its origin beside what its blocks say."""
        return {}

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-len(self) // self.block_size)

    @property
    def folder(self) -> Path:
        """Where finished blocks are kept."""
        return self.output.with_name(f"{self.output.name}.parts")

    @property
    def description(self) -> Path:
        """The file that says what is made in the folder."""
        return self.folder / "run.json"

    @property
    def incomplete(self) -> Path:
        """Where events are written of which some are missing: never under the name of the whole output."""
        return self.output.with_name(f"{self.output.stem}.incomplete{self.output.suffix}")

    @property
    def waiting(self) -> list[int]:
        """Blocks that are still to be done."""
        return [block for block in range(self.n_blocks) if not self.part(block).exists()]

    @property
    def elsewhere(self) -> Self:
        """The same job for a process that runs in another folder."""
        return cast(Self, replace(cast(Any, self), output=Path(os.path.abspath(self.output))))

    def part(self, block: int) -> Path:
        """File of a finished block."""
        return self.folder / f"{block:06d}.h5"

    def rows(self, block: int) -> slice:
        """The events of a block."""
        return slice(block * self.block_size, min((block + 1) * self.block_size, len(self)))

    def seed_of(self, block: int) -> int:
        """Where a block's random stream begins."""
        return derive_seed(self.seed, block)

    def count(self, blocks: Iterable[int]) -> int:
        """How many events some blocks have."""
        return sum(rows.stop - rows.start for rows in map(self.rows, blocks))

    def describe(self) -> dict[str, Any]:
        """What the folder says of the run; all who add to it must say the same."""
        return {"mark": self.mark, "seed": self.seed, "events": len(self), "moliere": installed_version()}

    def make_part(self, block: int) -> int:
        """Make a block and keep it; returns how many events it has.

        Raises:
            CheckpointError: the folder is not seen from here, or holds another run.
            WriteError: the disk is full.
        """
        self.check_folder()
        events = self.make(block)
        # workers pack for a file of the same format, to which parts are only copied; blosc costs next to no time
        compression: Compression = "gzip" if self.format == PART_FORMAT else "blosc"
        with create(self.part(block), self.detector, overwrite=True, compression=compression) as writer:
            writer.append(events)
        return len(events)

    def _described(self) -> dict[str, Any]:
        """What the folder says of the run.

        Raises:
            CheckpointError: it was changed, or the disk was full when it was written.
        """
        try:
            table = json.loads(self.description.read_text())
            return {**table, "mark": str(table["mark"])}
        except (ValueError, TypeError, KeyError) as error:
            raise CheckpointError(
                f"{self.description} is damaged, so that nobody knows what run its folder holds; overwrite the run to "
                "start over",
                options=("--overwrite",),
            ) from error

    def check_folder(self) -> None:
        """Refuse to add to the parts of another run, or to those of another version, which may be other events.

        Raises:
            CheckpointError: with what is different.
        """
        if not self.description.exists():
            raise CheckpointError(
                f"{self.folder} is not there, seen from {platform.node()}; all machines must see this folder"
            )
        there, mine = self._described(), self.describe()
        if there.get("moliere", mine["moliere"]) != mine["moliere"]:
            raise CheckpointError(
                f"{self.folder} was begun with moliere {there['moliere']}, this is {mine['moliere']}; all machines "
                "need the same version: install that one, or overwrite the run to start over",
                options=("--overwrite",),
            )
        if there["mark"] != mine["mark"]:
            raise CheckpointError(
                f"{self.folder} holds a run with another seed, incident particles or settings; resume it with "
                "what it was started with, or overwrite it to start over",
                options=("--resume", "--overwrite"),
            )
