"""Models: trained, loaded, and asked for events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console

from moliere.cluster.engines import engine_of
from moliere.errors import ConfigError
from moliere.events import Events, EventSource
from moliere.events.formats import create_events
from moliere.files import check_free
from moliere.front.events import open
from moliere.front.orders import Order, Part
from moliere.generation import generate as generate_all
from moliere.generation.fallback import Outside
from moliere.generation.generate import batches_of
from moliere.generation.job import Generation
from moliere.models import Bundle, load_bundle
from moliere.production import produce, produce_shard
from moliere.threads import idle_threads, set_threads
from moliere.training import Recipe, fit, load_recipe
from moliere.training.ranks import rank_here
from moliere.units import Quantity
from moliere.weights import find_bundle

#: called with the number of events that were just made, and with how many there will be
Watch = Callable[[int, int], None]


@dataclass(frozen=True, repr=False)
class OpenedBundle(Bundle):
    """A bundle that came through the front door: it generates by itself."""

    def generate(self, output: str | Path | None = None, **which: Any) -> EventSource:
        """Events of this model; see :func:`moliere.generate` for all words."""
        return generate(self, output, **which)


def load(bundle: str | Path, settings: Mapping[str, Any] | None = None) -> OpenedBundle:
    """A trained model: a shipped one by its name, or a file.

    Args:
        bundle: name or path.
        settings: of the model, to change such as have nothing to do with its weights: ``{"steps": 6}``.

    Raises:
        BundleError: no such bundle, or one that is damaged.

    Example:
        >>> load("photons")
        Bundle(photons: FlowStudent, ... calochallenge-1-photons; energy 256 MeV – 32.8 GeV)
    """
    return _opened(load_bundle(find_bundle(bundle), settings))


def _loaded(bundle: str | Path | Bundle) -> Bundle:
    return bundle if isinstance(bundle, Bundle) else load(bundle)


def _opened(bundle: Bundle) -> OpenedBundle:
    return OpenedBundle(**{field.name: getattr(bundle, field.name) for field in fields(Bundle)})


def train(
    recipe: str | Path | Recipe,
    output: str | Path | None = None,
    *,
    events: str | Path | None = None,
    iterations: int | None = None,
    threads: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    devices: int | None = None,
    nodes: int | None = None,
    select: str | None = None,
    from_: str | Path | None = None,
    match_incident: bool = False,
    settings: Iterable[str] = (),
    resume: bool = False,
    overwrite: bool = False,
    console: Console | None = None,
) -> OpenedBundle:
    """Train a model; its bundle is saved in the folder of the run and returned.

    Args:
        recipe: a shipped recipe by its name, a ``.toml`` file, or a recipe that is loaded.
        output: folder of the run; ``runs/<name of the recipe>`` by default.
        events: file or sample to train on, instead of the recipe's.
        iterations: how long, instead of the recipe's.
        threads: CPU threads; 0 takes as many as there are idle cores.
        seed: of the training.
        device: ``cpu``, ``cuda`` or ``mps``.
        devices: GPUs, or processes, of each machine that share every batch.
        nodes: machines, on each of which the same call is made; ``MASTER_ADDR`` names one of them.
        select: which weights are kept: last, loss, or the best by a score.
        from_: a bundle whose networks the training starts from; of a calorimeter-flow, any detector's.
        match_incident: train on events of the first sample with the second's energies.
        settings: further ``key=value`` settings of a recipe that is named.
        resume: go on from the folder's checkpoint.
        overwrite: start again where a run is.
        console: where progress is shown.

    Raises:
        OutputExists: the folder holds a run, and neither ``resume`` nor ``overwrite`` is set.
    """
    chosen = choose_recipe(
        recipe, settings, events=events, iterations=iterations, threads=threads, seed=seed, device=device,
        devices=devices, nodes=nodes, select=select, from_=from_, match_incident=match_incident,
    )  # fmt: skip
    folder = Path(output or Path("runs") / chosen.name)
    bundle, _ = fit(chosen, folder, resume=resume, overwrite=overwrite, console=console)
    return _opened(bundle)


def is_first_process() -> bool:
    """Whether this process speaks for all: alone, or the first of those that ``torchrun`` started."""
    return rank_here().is_first


def choose_recipe(recipe: str | Path | Recipe, settings: Iterable[str] = (), **words: Any) -> Recipe:
    """A recipe with what the words of a verb change in it; those that are ``None`` or ``False`` change nothing."""
    given = {name: str(word) if isinstance(word, Path) else word for name, word in words.items() if _is_said(word)}
    if given.get("from_"):
        given["from_"] = str(find_bundle(given["from_"]))
    if isinstance(recipe, str | Path):
        return load_recipe(recipe, settings, given)
    if given or [*settings]:
        raise ConfigError("a recipe that is loaded is used as it is; name it instead, or set the words in load_recipe")
    return recipe


def _is_said(word: Any) -> bool:
    return word is not None and word is not False


def generate(
    bundle: str | Path | Bundle,
    output: str | Path | None = None,
    *,
    n: int | None = None,
    energy: Quantity | None = None,
    spectrum: str = "log",
    particle: str | None = None,
    x: Quantity | None = None,
    y: Quantity | None = None,
    theta: Quantity | None = None,
    phi: Quantity | None = None,
    like: str | Path | EventSource | None = None,
    part: Part = "all",
    to: str | None = None,
    rareness_scale: float | None = None,
    rareness_from: str | Path | EventSource | None = None,
    seed: int = 0,
    batch_size: int = 1024,
    device: str = "cpu",
    threads: int = 0,
    workers: int = 1,
    cluster: str | None = None,
    outside: Outside = "refuse",
    resume: bool = False,
    overwrite: bool = False,
    watch: Watch = lambda *_: None,
    tell: Callable[[str], None] = lambda _: None,
) -> EventSource:
    """Generate events with a trained model: as many as are asked for, or one for each particle of other events.

    Args:
        bundle: a trained model, its name or its file.
        output: the file to write; without one, all events are returned in memory.
        n: number of events.
        energy: one energy or a range, numbers in MeV or texts with a unit: ``"50 GeV"``, ``"1GeV:30GeV"``.
        spectrum: how energies are drawn from a range: flat, log, powers-of-2.
        particle: where the model knows several.
        x: where particles enter, or its range, for models that are conditioned on it.
        y: the same across it.
        theta: angle to the beam line, or its range.
        phi: azimuth, or its range.
        like: events, their file or a sample whose incident particles are taken instead.
        part: only this part of them, in the split that the bundle was trained with.
        to: format of the file; by its ending.
        rareness_scale: above 1 for more rare events, with weights that undo it.
        rareness_from: the same, as rare as the events of this file.
        seed: the same seed gives the same events, whatever the number of workers.
        batch_size: events at once; bounds memory, and is what a worker does at once.
        device: where the network runs.
        threads: CPU threads; 0 takes as many as there are idle cores. Workers have one each.
        workers: processes; 0 takes as many as there are idle cores.
        cluster: who does the work instead of processes of this one; see :func:`moliere.cluster.find_engine`.
        outside: what becomes of incident particles outside the trained range: ``refuse``, ``extrapolate``, or
            ``gflash``, which simulates them.
        resume: go on with an interrupted run of workers, or join what shards have made.
        overwrite: replace the output.
        watch: called with the number of events that were just made, and with how many there will be.
        tell: called with what the user should know, in a sentence.

    Raises:
        ConfigError: words that contradict each other.
        UnsupportedIncident: particles outside the range that the model was trained on.

    Example:
        >>> generate("photons", energy="20 GeV", n=5, threads=1)
        Events(5 in calochallenge-1-photons; energy 20 GeV – 20 GeV)
    """
    if output is not None and not resume:
        check_free(Path(output), overwrite=overwrite)
    set_threads(threads)
    order = Order(
        n, energy, spectrum, particle, x, y, theta, phi, like, part, to, rareness_scale, rareness_from, seed,
        batch_size, device, outside,
    )  # fmt: skip
    job = order.job(_loaded(bundle), output, tell)
    if output is None and len(job):
        return Events.concatenate([_watched(events, len(job), watch) for events in batches_of(job)])
    if output is None:
        return generate_all(job.bundle, job.incident, seed=seed, n_events=0)
    if len(job) and (workers != 1 or cluster is not None or resume or job.description.exists()):
        engine = engine_of(cluster, workers)
        produce(job, engine=engine, overwrite=overwrite, resume=resume, progress=lambda n: watch(n, len(job)))
    else:
        _write(job, overwrite, watch)
    return open(output, job.detector)


def generate_shard(
    bundle: str | Path | Bundle,
    output: str | Path,
    number: int,
    of: int,
    order: Order,
    *,
    workers: int = 1,
    watch: Watch = lambda *_: None,
    tell: Callable[[str], None] = lambda _: None,
) -> int:
    """Do one numbered part of a generation, on any machine that sees the output's folder.

    Resuming the generation joins the parts; the file is the same to the last byte as without shards.

    Args:
        bundle: a trained model, its name or its file.
        output: the file that the whole generation writes.
        number: of the shard, from 0.
        of: number of shards.
        order: the whole generation.
        workers: processes; 0 takes as many as there are idle cores.
        watch: called with the number of events that were just made, and with how many the whole generation has.
        tell: called with what the user should know, in a sentence.

    Returns:
        How many events the shard has.
    """
    set_threads(1)
    job = order.job(_loaded(bundle), output, tell)
    return produce_shard(job, number, of, workers=workers or idle_threads(), progress=lambda n: watch(n, len(job)))


def _write(job: Generation, overwrite: bool, watch: Watch) -> None:
    """The file of a job that is done here, as its events are made."""
    with create_events(job.output, job.detector, job.format, overwrite=overwrite) as writer:
        for events in batches_of(job):
            writer.append(events)
            watch(len(events), len(job))
        if not len(job):  # a file of no events, not no file
            writer.append(generate_all(job.bundle, job.incident, seed=job.seed, n_events=0))


def _watched(events: Events, total: int, watch: Watch) -> Events:
    watch(len(events), total)
    return events
