"""``moliere info``: what is in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moliere.cli import complete
from moliere.cli.options import Branches, DetectorName, NegativeSignals, Overwrite, console, examples

if TYPE_CHECKING:
    from moliere.events import EventSource
    from moliere.models import Bundle


@examples(
    "moliere info photons-mini",
    "moliere info model.bundle --recipe",
    "moliere info photons --network photons.svg",
)
def info(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Event files, a shipped sample, a bundle, a detector.",
            metavar="FILE...",
            autocompletion=complete.anything,
        ),
    ],
    detector: DetectorName = None,
    branches: Branches = None,
    negative: NegativeSignals = "refuse",
    save: Annotated[
        Path | None, typer.Option("--save", help="For a detector: write its rings and sectors as FastCaloSim's HDF5.")
    ] = None,
    recipe: Annotated[bool, typer.Option("--recipe", help="For a bundle: print its resolved recipe as TOML.")] = False,
    network: Annotated[
        Path | None, typer.Option("--network", help="For a bundle: draw its networks, layer by layer, as SVG.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Say what a file holds: events, a bundle, or a detector. Energies in MeV unless a unit is given."""
    from moliere.detectors import catalog, is_binning, is_file_name, load, write_binning
    from moliere.errors import ConfigError
    from moliere.samples import open_source
    from moliere.weights import bundle_paths, find_bundle

    file = files[0] if len(files) == 1 else ""
    if file.endswith(".bundle") or file in bundle_paths():
        _show_bundle(find_bundle(file), recipe=recipe)
        if network is not None:
            _draw_network(find_bundle(file), network, overwrite=overwrite)
    elif network is not None:
        raise ConfigError(f"{' '.join(files)} is no bundle, and only a bundle holds networks; name a bundle")
    elif file in catalog.names() or is_file_name(file) or is_binning(Path(file)):
        known = load(file)
        console.print(known.describe())
        if save is not None:
            write_binning(known, save)
            console.print(f"{save}: rings and sectors for FastCaloSim")
    else:
        _show_events(open_source(files, detector, branches=branches, negative=negative))


def _show_bundle(path: Path, *, recipe: bool) -> None:
    import tomli_w

    from moliere.events.particles import particle_names
    from moliere.models import load_bundle

    bundle = load_bundle(path)
    if recipe:
        comment, table = _startable(bundle)
        console.print(comment + tomli_w.dumps(table))
        return
    ranges = {name: ends for name, ends in bundle.validity.items() if name != "pdg_id"}  # numbers of a scheme have none
    validity = ", ".join(f"{name} {_span(name, *ends)}" for name, ends in ranges.items())
    particles = particle_names(bundle.model.context.particles)
    gaps = ", ".join(f"{name} {_span(name, *ends)}" for name, each in bundle.gaps.items() for ends in each)
    rows = {
        "bundle": f"{bundle.name} ({type(bundle.model).__name__}, {bundle.n_parameters:,} parameters)",
        "detector": f"{bundle.detector.name}, {bundle.detector.n_channels} channels",
        "validity": validity,
        **({"particles": particles} if particles else {}),
        **({"not between": gaps} if gaps else {}),
        "cite": bundle.model.citation,
        **{key: value for key, value in bundle.provenance.items() if not isinstance(value, dict)},
    }
    _print_rows(rows)


def _draw_network(path: Path, output: Path, *, overwrite: bool) -> None:
    from moliere.models import load_bundle
    from moliere.models.structure import structure_of
    from moliere.report.network_picture import save_network

    bundle = load_bundle(path)
    save_network(structure_of(bundle.model, bundle.validity), output, overwrite=overwrite)
    console.print(f"{output}: the networks of {bundle.name}, layer by layer")


def _startable(bundle: Bundle) -> tuple[str, dict[str, Any]]:
    """A recipe that can be started: where its events are not here, a shipped sample of its detector stands instead."""
    from moliere import samples

    said, table = _of_the_teacher(bundle)
    events = str(table["data"]["events"])
    if events in samples.names() or Path(events).exists():
        return said, table
    fitting = [name for name in samples.names() if samples.open(name).detector.name == bundle.detector.name]
    if not fitting:
        return f"{said}# the events that it was trained on, {events}, are not here: name yours in data.events\n", table
    return (
        f"{said}# trained on {events}, which is not here; {fitting[0]} stands in data.events instead\n",
        {**table, "data": {**table["data"], "events": fitting[0]}},
    )


def _of_the_teacher(bundle: Bundle) -> tuple[str, dict[str, Any]]:
    """The shipped recipe of a student's teacher that is not here; the bundle's own recipe otherwise."""
    from moliere.training.recipe import load_recipe, recipe_paths

    teacher = Path(bundle.recipe.get("training", {}).get("initial", {}).get("teacher", ""))
    if not teacher.name or teacher.exists():
        return "", dict(bundle.recipe)
    if teacher.stem not in recipe_paths():
        return f"# its teacher, {teacher}, is not here: name it in training.initial\n", dict(bundle.recipe)
    said = f"# of the flow that {bundle.name} learned from; afterwards: moliere distill {teacher} EVENTS\n"
    return said, load_recipe(teacher.stem).to_table()


def _show_events(source: EventSource) -> None:
    import numpy as np

    from moliere.events.events import describe_source, provenance_of

    head = source.take(np.arange(min(len(source), 10_000)))
    rows: dict[str, Any] = {"events": describe_source(source), "columns": ", ".join(source.incident)}
    if len(head) and source.detector.measures_energy and "energy" in head.incident:
        rows["response"] = f"{head.response.mean():.4f} ± {head.response.std():.4f} (first {len(head)} events)"
    if len(head):
        rows["filled"] = f"{(head.signals > 0).mean():.1%} of the channels"
    if head.extras:
        rows["extras"] = ", ".join(f"{name} {values.shape[1:] or ''}".strip() for name, values in head.extras.items())
    if passed_over := getattr(source, "passed_over", ()):
        rows["not read"] = ", ".join(passed_over)
    _print_rows(rows | provenance_of(source.metadata))


def _span(name: str, low: float, high: float) -> str:
    from moliere.units import format_incident

    return f"{format_incident(name, low)} – {format_incident(name, high)}"


def _print_rows(rows: dict[str, Any]) -> None:
    width = max(map(len, rows)) + 2
    for key, value in rows.items():
        console.print(f"{key:<{width}}{value}")
