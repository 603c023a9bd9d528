"""``moliere export``: a bundle in, a file that simulations run without Python or torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from moliere.cli import complete
from moliere.cli.options import Overwrite, Threads, console, epilog


def register(app: typer.Typer) -> None:
    """Add the verb."""
    examples = (
        "moliere export flow-photons-hour -o photons.onnx",
        "moliere export flow-photons-hour --target fastcalosim -o photons.onnx",
    )
    app.command("export", epilog=epilog(*examples))(export)


def export(
    bundle: Annotated[
        str,
        typer.Argument(
            help="The trained model: a file, or a shipped one (moliere list bundles).", autocompletion=complete.bundles
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write, such as photons.onnx.")],
    target: Annotated[
        Literal["onnx", "fastcalosim", "par04"],
        typer.Option("--target", help="Names, units, order and shapes that a consumer calls with."),
    ] = "onnx",
    batch: Annotated[
        int | None,
        typer.Option("--batch", min=1, help="Events of a call, for consumers of fixed shapes; any number by default."),
    ] = None,
    events: Annotated[int, typer.Option("--events", min=1, help="Events that are compared with torch.")] = 1000,
    threads: Threads = 0,
    overwrite: Overwrite = False,
) -> None:
    """Export a model as ONNX: latent and condition in, signals out, all transforms and solver steps inside.

    Before the file is left where you want it, its events are compared with those of torch. It describes itself:
    detector, units, order of the condition, range, law of the latent, citation.
    """
    from moliere.deploy.onnx import export as export_bundle
    from moliere.models import load_bundle
    from moliere.threads import limited_threads
    from moliere.weights import find_bundle

    path = find_bundle(bundle)
    with limited_threads(threads):
        parity = export_bundle(
            load_bundle(path), output, target=target, source=path, batch=batch, events=events, overwrite=overwrite
        )
    console.print(f"{output}: {output.stat().st_size / 2**20:.1f} MiB; {parity}")
