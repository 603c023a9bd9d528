"""``moliere reconstruct``: events in, a table of what came in out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from moliere.cli.options import DetectorName, Overwrite, Threads, bundle_argument, console, examples, sample_argument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moliere.detectors.base import Floats


@examples("moliere reconstruct aixnet.bundle showers.h5 -o energies.csv")
def reconstruct(
    bundle: Annotated[str, bundle_argument("A trained reconstruction: a file, or a shipped one.")],
    events: Annotated[str, sample_argument("Events of the detector that it was trained for.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="CSV file to write: MeV, mm, rad, g/cm².")],
    detector: DetectorName = None,
    part: Annotated[
        Literal["all", "train", "validation", "test"],
        typer.Option("--part", help="Only this part of the file, in the split that the bundle was trained with."),
    ] = "all",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Events at once; bounds memory.")] = 500,
    threads: Threads = 0,
    overwrite: Overwrite = False,
) -> None:
    """Reconstruct energy, axis, core or depth of events, whatever the bundle was trained for.

    Where the events know what came in, bias and resolution are shown, and the truth stands in the file.
    """
    from moliere import front
    from moliere.files import check_free
    from moliere.front.judging import part_of
    from moliere.generation.refine import reconstruct as predict
    from moliere.threads import set_threads

    check_free(output, overwrite=overwrite)
    set_threads(threads)
    model = front.load(bundle)
    source = part_of(front.open(events, detector), part, model)
    found = predict(model, source, batch_size=batch_size)
    true = {name: source.incident[name] for name in found if name in source.incident}
    _write(output, {f"{name}_true": values for name, values in true.items()} | found, overwrite=overwrite)
    _show(true, found)
    console.print(f"{output}: {len(source):,} events, {', '.join(found)}")


def _write(path: Path, columns: Mapping[str, Floats], *, overwrite: bool) -> None:
    import csv

    from moliere.files import replacing

    with replacing(path, overwrite=overwrite) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["event", *columns])
        writer.writerows([k, *map("{:.7g}".format, row)] for k, row in enumerate(zip(*columns.values(), strict=True)))


def _show(true: Mapping[str, Floats], found: Mapping[str, Floats]) -> None:
    from rich.table import Table

    from moliere.evaluation.reconstruction import deviations_of, quality_of

    table = Table("quantity", "bias", "resolution")
    for name, (deviations, unit) in deviations_of(true, found).items():
        quality, scale = quality_of(deviations), 1 if unit else 100
        numbers = (quality.bias, quality.bias_error), (quality.resolution, quality.resolution_error)
        table.add_row(name, *(f"{scale * value:.3g} ± {scale * error:.2g} {unit or '%'}" for value, error in numbers))
    if table.row_count:
        console.print(table)
