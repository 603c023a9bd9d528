"""``moliere export``: a bundle in, a file that simulations run without Python or torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from moliere.cli.options import BundleName, Overwrite, Threads, console, examples
from moliere.errors import ConfigError


@examples(
    "moliere export photons -o photons.onnx",
    "moliere export photons --target fastcalosim -o photons.onnx",
    "moliere export photons --target c -o model",
)
def export(
    bundle: BundleName,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write, such as photons.onnx; a folder for C.")
    ],
    target: Annotated[
        Literal["onnx", "fastcalosim", "par04", "c"],
        typer.Option("--target", help="Names, units, order and shapes that a consumer calls with; or plain C99."),
    ] = "onnx",
    batch: Annotated[
        int | None,
        typer.Option("--batch", min=1, help="Events of a call, for consumers of fixed shapes; any number by default."),
    ] = None,
    events: Annotated[int, typer.Option("--events", min=1, help="Events that are compared with torch.")] = 1000,
    weights_beside: Annotated[
        bool, typer.Option("--weights-beside", help="C: the weights in a file of their own, which your program reads.")
    ] = False,
    bf16: Annotated[
        bool, typer.Option("--bf16", help="Weights in 16 bits, if the evaluation's figures stay at their floors.")
    ] = False,
    int8: Annotated[bool, typer.Option("--int8", help="The same in 8 bits, with a scale for each output.")] = False,
    threads: Threads = 0,
    overwrite: Overwrite = False,
) -> None:
    """Export a model as ONNX or C: latent and condition in, signals out, all transforms and solver steps inside.

    Before the file is left where you want it, its events are compared with those of torch. It describes itself:
    detector, units, order of the condition, range, law of the latent, citation. Weights in fewer bits make other
    showers: 2,000 of them are compared with 2,000 of the model by the figures of the evaluation's page.
    """
    from moliere.deploy.onnx import export as export_bundle
    from moliere.models import load_bundle
    from moliere.threads import limited_threads
    from moliere.weights import find_bundle

    path, width = find_bundle(bundle), _width(bf16=bf16, int8=int8)
    if target == "c":
        if width is not None:
            raise ConfigError("weights are stored in fewer bits in ONNX files only", options=(f"--{width}",))
        if batch is not None:
            raise ConfigError(
                f"code of C takes any number of showers a call; leave out the fixed number of {batch}",
                options=("--batch",),
            )
        with limited_threads(threads):
            _export_c(path, output, beside=weights_beside, events=events, overwrite=overwrite)
        return
    if weights_beside:
        raise ConfigError("weights lie beside the code of C only", options=("--target c",))
    with limited_threads(threads):
        parity = export_bundle(
            load_bundle(path),
            output,
            target=target,
            source=path,
            batch=batch,
            width=width,
            events=events,
            overwrite=overwrite,
        )
    console.print(f"{output}: {output.stat().st_size / 2**20:.1f} MiB; {parity}")


def _width(*, bf16: bool, int8: bool) -> Literal["bf16", "int8"] | None:
    if bf16 and int8:
        raise ConfigError("weights are stored in 16 bits or in 8, not both", options=("--bf16", "--int8"))
    return "bf16" if bf16 else "int8" if int8 else None


def _export_c(path: Path, folder: Path, *, beside: bool, events: int, overwrite: bool) -> None:
    from moliere.deploy.c.export import export as export_bundle
    from moliere.models import load_bundle

    parity = export_bundle(load_bundle(path), folder, source=path, beside=beside, events=events, overwrite=overwrite)
    words = parity or "not compared with torch, as there is no C compiler here"
    console.print(f"{folder}: {words}; compile with -O3, and without -ffast-math")
