"""``moliere study``: a published study from the simulation to the page, in one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from moliere.cli.options import Overwrite, Seed, Threads, console, examples, follow, sample_option

if TYPE_CHECKING:
    from moliere.config import Table
    from moliere.evaluation.refinement import RefinementResult


@examples(
    "moliere study refinement --quick -o quick",
    "moliere study refinement --simulation sim.h5 --data data.h5",
    "moliere study footprints -o footprints",
)
def study(
    name: Annotated[Literal["refinement", "footprints"], typer.Argument(help="Which study.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the study; runs/NAME-study by default.")
    ] = None,
    simulation: Annotated[
        str | None, sample_option("--simulation", "Refinement: your own simulated events, instead of making some.")
    ] = None,
    data: Annotated[
        str | None, sample_option("--data", "Refinement: your own data; their energies only judge the result.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few minutes: all of it works, nothing is proven.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the study: n_events=20000; may be repeated."),
    ] = None,
    threads: Threads = 0,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Do a published study of air showers, from the simulation to the page.

    ``refinement``: refine a simulation with data, and show what a reconstruction that is trained on it gains.
    ``footprints``: make footprints for an energy that is asked for, and read the energy that they have.

    Everything is kept in the folder. A study that was interrupted goes on where it was with the same command.
    """
    from moliere.config import apply_overrides
    from moliere.files import check_free

    folder = output or Path("runs") / f"{name}-study"
    check_free(folder / "study.html", overwrite=overwrite)
    given = {"simulation": simulation, "data": data, "threads": threads, "seed": seed}
    table = apply_overrides({key: value for key, value in given.items() if value is not None}, set_ or [])
    page = (_refine if name == "refinement" else _make_footprints)(table, folder, quick, overwrite)
    console.print(f"page: {page}")


def _refine(settings: Table, folder: Path, quick: bool, overwrite: bool) -> Path:
    from moliere.report.study_page import write_study
    from moliere.studies import RefinementStudy, run_refinement

    study = RefinementStudy.quick(**settings) if quick else RefinementStudy.from_table(settings)
    with follow("refinement") as progress:
        result = run_refinement(study, folder, progress)
        page = write_study(result, folder, overwrite=overwrite)
    _show(result)
    return page


def _make_footprints(settings: Table, folder: Path, quick: bool, overwrite: bool) -> Path:
    from moliere.report.footprint_page import verdict_of, write_footprint_study
    from moliere.studies import FootprintStudy, run_footprints

    study = FootprintStudy.quick(**settings) if quick else FootprintStudy.from_table(settings)
    with follow("footprints") as progress:
        result = run_footprints(study, folder, progress)
        page = write_footprint_study(result, folder, overwrite=overwrite)
    console.print(verdict_of(result), style="yellow" if result.short else None)
    return page


def _show(result: RefinementResult) -> None:
    from rich.table import Table

    table = Table("trained on", "bias on data", "resolution on data", "AUC of its traces")
    for name, trained in result.reconstructions.items():
        quality = trained.whole
        auc = f"{result.traces[name].worst.auc:.3f}" if name in result.traces else "not measured"
        table.add_row(
            name,
            f"{100 * quality.bias:+.2f} ± {100 * quality.bias_error:.2f} %",
            f"{100 * quality.resolution:.2f} ± {100 * quality.resolution_error:.2f} %",
            auc,
        )
    console.print(table)
    if result.short:
        console.print(f"a short run, which proves nothing: {result.short}", style="yellow")
