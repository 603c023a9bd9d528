"""``moliere convert-weights``: weights that another framework wrote → a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moliere.cli.options import Overwrite, console, examples


@examples(
    "moliere convert-weights params_generator_epoch_111.hdf5 -o 3dgan.bundle",
    "moliere convert-weights last.ckpt --discriminator last.ckpt --energy 100GeV:200GeV -o 3dgan.bundle",
)
def convert_weights(
    generator: Annotated[
        Path, typer.Argument(help="3DGAN's generator: Keras .h5 or .hdf5; PyTorch or Lightning .ckpt, .pt or .pth.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Bundle to write.")],
    discriminator: Annotated[
        Path | None, typer.Option("--discriminator", help="File of the discriminator, which only training on needs.")
    ] = None,
    energy: Annotated[str, typer.Option("--energy", help="Incident energies that were trained on.")] = "2GeV:500GeV",
    angle: Annotated[str, typer.Option("--angle", help="Angles that were trained on.")] = "60deg:120deg",
    measured: Annotated[
        bool, typer.Option("--measured", help="The angle is the one measured from the image (mtheta), not theta.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Convert published weights of 3DGAN into a bundle, without training; nothing that a file holds is run."""
    from moliere.detectors import catalog
    from moliere.files import check_free
    from moliere.models import save_bundle
    from moliere.models.threedgan.published import convert_weights as convert
    from moliere.units import parse_angle, parse_energy, span

    check_free(output, overwrite=overwrite)
    validity = {
        "energy": span(energy, parse_energy),
        "mtheta" if measured else "theta": span(angle, parse_angle),
    }
    bundle = convert(generator, catalog.get("3dgan"), discriminator, validity)
    save_bundle(bundle, output, overwrite=overwrite)
    console.print(f"{output}: weights of {bundle.provenance['framework']}, {bundle.n_parameters:,} parameters")
