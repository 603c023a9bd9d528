"""``moliere new``: a detector of one's own and a pipeline for it, to be edited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moliere.cli.options import Overwrite, console, examples


@examples("moliere new my-detector.toml", "moliere run my-detector.pipeline.toml")
def new(
    file: Annotated[Path, typer.Argument(help="File to write, such as my-detector.toml, which names the detector.")],
    overwrite: Overwrite = False,
) -> None:
    """Write a commented detector, and beside it the pipeline that makes a proven fast simulation of it.

    Both work as they are. Change plates and cells to yours, then run the pipeline.
    """
    from moliere.detectors import load
    from moliere.pipelines.new import write_new

    detector, pipeline = write_new(file, overwrite=overwrite)
    console.print(f"{detector}: {load(str(detector)).describe().splitlines()[0]}; change it to yours")
    console.print(f"{pipeline}: simulate, check, train, generate, evaluate; then: moliere run {pipeline}")
