"""``moliere geant4``: the data tables of Geant4, and proof that it runs right on them."""

from __future__ import annotations

from typing import Annotated

import typer

from moliere.cli.options import add_verbs, console, examples


@examples("moliere geant4 setup")
def setup(
    download: Annotated[
        bool,
        typer.Option("--download", help="Fetch Geant4's full data sets from cern.ch (about 2 GB) to ~/.geant4_pybind."),
    ] = False,
    em_only: Annotated[
        bool, typer.Option("--em-only", help="With --download: only what electromagnetic lists read (about 500 MB).")
    ] = False,
) -> None:
    """Say which tables Geant4 runs on here, after making or fetching them.

    Without data sets moliere makes electromagnetic tables itself, in seconds and without a download.
    """
    from moliere.simulators.geant4.tables import download_tables, find_tables

    if download:
        download_tables(em_only=em_only)
    tables = find_tables()
    console.print(f"tables: {tables.label}")
    for name, value in tables.environment.items():
        console.print(f"  {name}={value}")
    hadrons = "with their data sets" if tables.hadronic else "only on rough tables (FTFP_BERT:approximate-tables)"
    console.print(f"hadronic lists: {hadrons}")


@examples("moliere geant4 verify --quick")
def verify(
    quick: Annotated[bool, typer.Option("--quick", help="Cross sections and critical energies only: seconds.")] = False,
) -> None:
    """Compare Geant4 on this machine's tables with published numbers; exit code 1 when one is off.

    The full check simulates Geant4's own test calorimeters and takes about five minutes.
    """
    from moliere.simulators.geant4.verify import verify as checks

    wrong = 0
    for check in checks(quick=quick):
        console.print(check.line)
        wrong += not check.passed
    if wrong:
        console.print(f"{wrong} figures are off")
        raise typer.Exit(1)


group = typer.Typer(no_args_is_help=True, help="Geant4: its data tables, and the proof that it runs right on them.")
add_verbs(group, None, setup, verify)
