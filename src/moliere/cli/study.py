"""``moliere study``: a published study from the simulation to the page, in one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from moliere.cli import complete
from moliere.cli.options import Overwrite, Seed, Threads, console, epilog, follow

if TYPE_CHECKING:
    from moliere.evaluation.refinement import RefinementResult


def register(app: typer.Typer) -> None:
    """Add the verb."""
    examples = (
        "moliere study refinement --quick -o quick",
        "moliere study refinement --simulation sim.h5 --data data.h5",
    )
    app.command("study", epilog=epilog(*examples))(study)


def study(
    name: Annotated[Literal["refinement"], typer.Argument(help="Which study.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the study; runs/refinement-study by default.")
    ] = None,
    simulation: Annotated[
        str | None,
        typer.Option(
            "--simulation", help="Your own simulated events, instead of making some.", autocompletion=complete.samples
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", help="Your own data; their energies only judge the result.", autocompletion=complete.samples
        ),
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
    """Refine an air-shower simulation with data, and show what a reconstruction that is trained on it gains.

    Everything is kept in the folder. A study that was interrupted goes on where it was with the same command.
    """
    from moliere.config import apply_overrides
    from moliere.files import check_free
    from moliere.report.study_page import write_study
    from moliere.studies import RefinementStudy, run_refinement

    folder = output or Path("runs") / f"{name}-study"
    check_free(folder / "study.html", overwrite=overwrite)
    given = {"simulation": simulation, "data": data, "threads": threads, "seed": seed}
    table = apply_overrides({key: value for key, value in given.items() if value is not None}, set_ or [])
    settings = RefinementStudy.quick(**table) if quick else RefinementStudy.from_table(table)
    with follow(name) as progress:
        result = run_refinement(settings, folder, progress)
        page = write_study(result, folder, overwrite=overwrite)
    _show(result)
    console.print(f"page: {page}")


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
