"""The search: trials are begun, run by any executor, told to the study; what is interrupted goes on."""

from __future__ import annotations

import shutil
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import tomli_w

from moliere.cluster.engines import engine_of
from moliere.errors import ConfigError, IncompleteRun
from moliere.events import Events
from moliere.files import replacing, working_in, writing
from moliere.front.bundles import choose_recipe
from moliere.models.base import models
from moliere.production import Engine
from moliere.production.calls import Here, Lost, answer_of, submit
from moliere.progress import Progress, silent
from moliere.threads import idle_threads
from moliere.training import Recipe
from moliere.tuning.goals import TIME, Goal, check_figures, find_goals
from moliere.tuning.page import write_page
from moliere.tuning.space import parse_parameters
from moliere.tuning.storage import mend_journal
from moliere.tuning.study import Search, Study, Trial
from moliere.tuning.trial import FINAL, Outcome, Pruner, clean_up, run_apart, run_trial, validation_part

#: seconds between two pages while trials run
_PAGE_EVERY = 60.0
#: how often a trial is begun whose process dies, and how often in a row an executor may lose one
_LIVES, _PATIENCE = 2, 3
#: seconds that running trials have to keep what they have when the search is stopped
_FAREWELL = 60.0
#: what a search writes into its folder
_OUTPUTS = ("trials", "front", "best.toml", "tuning.html")


@dataclass(frozen=True)
class Tuned:
    """What came of a search.

    Args:
        goals: what trials were judged by.
        trials: all of them.
        best: the best one; of several figures those that no other one is better than in all.
        recipes: files of the best ones, which a training takes.
        page: of the search.
        n_new: trials of this run.
    """

    goals: tuple[Goal, ...]
    trials: tuple[Trial, ...]
    best: tuple[Trial, ...]
    recipes: tuple[Path, ...]
    page: Path
    n_new: int


#: told of each trial that has ended, and which one is the best by now
Ended = Callable[[Trial, tuple[Trial, ...]], object]


def tune(
    recipe: str | Path | Recipe,
    output: str | Path | None = None,
    *,
    trials: int,
    parameters: Sequence[str],
    metrics: Sequence[str],
    settings: Iterable[str] = (),
    pruner: Pruner | None = None,
    looks: int = 5,
    storage: str | None = None,
    seed: int = 0,
    workers: int = 1,
    cluster: str | Engine | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    ended: Ended = lambda trial, best: None,
) -> Tuned:
    """Search for settings of a recipe: each trial is trained in its own folder and judged on the validation part.

    The same call goes on with a search that was interrupted, or makes more trials of one that is done.

    Args:
        recipe: a shipped recipe by its name, a ``.toml`` file, or a recipe that is loaded.
        output: folder of the search; ``tuning/<name of the recipe>`` by default.
        trials: how many there shall be, those of earlier runs included.
        parameters: settings that are searched: ``model.width=128,256``, ``training.learning_rate=log:1e-4:1e-2``.
        metrics: figures of the evaluation, or ``ms``, the milliseconds an event; several give a front.
        settings: further ``key=value`` settings of a recipe that is named.
        pruner: who gives up trials: ``median``, ``halving`` or ``none``; ``median`` of one figure by default, ``none``
            of several figures and of the time.
        looks: parts of a training, between which a trial is judged.
        storage: URL of a database, such as ``postgresql://host/studies``; a file in the folder by default.
        seed: the same seed gives the same trials, with one worker; with several the first ten, which are drawn before
            the sampler looks at those that have ended.
        workers: trials at the same time, each in a process of its own; 0 takes as many as there are idle cores.
        cluster: who runs them instead of processes of this machine, by name or as what makes an executor; see
            :func:`moliere.cluster.find_engine`. Its machines must see the folder and the events.
        overwrite: forget an earlier search in the folder.
        progress: called with the name of each trial, and the share of the search that is done.
        ended: called with each trial that has ended, and the best ones by then.

    Raises:
        ConfigError: a number, a setting or a range that makes no sense, or a figure that these events do not give.
        UnknownName: a figure that does not exist.
        OutputExists: the folder holds another search.
        IncompleteRun: no trial has reached its end, or the executor is gone; the same call goes on.
    """
    if trials < 1:
        raise ConfigError(f"{trials} trials; expected 1 or more")
    if workers < 0:
        raise ConfigError(f"{workers} workers; expected 1 or more, or 0 for as many as there are idle cores")
    if looks < 1:
        raise ConfigError(f"{looks} parts of a training; expected 1 or more")
    check_figures(metrics)
    chosen = choose_recipe(recipe, settings)
    search = Search(
        chosen,
        parse_parameters(parameters, chosen.to_table()),
        tuple(metrics),
        Path(output or Path("tuning") / chosen.name),
        seed,
        _pruner(pruner, metrics),
        looks,
        storage,
    )
    workers = workers or idle_threads()
    engine = engine_of(cluster, workers) or Here
    threads = chosen.training.threads or (1 if cluster else max(1, idle_threads() // workers) if workers > 1 else 0)
    # before anything that takes time, so that a cluster that does not answer is said at once
    with working_in(search.folder), engine() as executor:
        if overwrite:
            _forget(search)
        mend_journal(search.journal)
        study = Study.find(search) or Study.create(search, _rehearse(search))
        driver = _Driver(study, trials, workers, threads, executor, progress, ended)
        try:
            driver.run()
        finally:
            page = write_page(study, driver.write_recipes())
    found = study.trials
    if not study.best():
        reasons = Counter(trial.said for trial in found if trial.said).most_common(1)
        raise IncompleteRun(
            f"none of {len(found)} trials reached its end; most often because: {reasons[0][0] if reasons else '?'}; "
            f"page: {page}"
        )
    return Tuned(study.goals, found, study.best(), driver.write_recipes(), page, driver.n_done)


def _pruner(given: Pruner | None, figures: Sequence[str]) -> Pruner:
    possible = len(figures) == 1 and figures[0] != TIME
    if given not in (None, "none") and not possible:
        raise ConfigError(
            f"trials are given up early by one figure of the evaluation, not by {', '.join(figures)}; leave "
            "the pruner out",
            options=("--pruner",),
        )
    return given or ("median" if possible else "none")


def _forget(search: Search) -> None:
    Study.delete(search)
    for name in _OUTPUTS:
        path = search.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _rehearse(search: Search) -> tuple[Goal, ...]:
    """All that a training needs before its first iteration, and the figures on real events: what fails, fails now."""
    kind = models[search.recipe.kind]
    if kind.resembles is None:
        raise ConfigError(f"{search.recipe.kind} makes no signals, which the figures are of; search a generative model")
    validation = validation_part(search.recipe, search.folder)
    judge = validation.second if kind.resembles == "second" else validation
    if judge is None or len(judge) < 2:
        raise ConfigError(
            "the validation part, on which trials are judged, holds fewer than 2 events: data.split is "
            f"{search.recipe.data.split}"
        )
    events: Events = replace(judge.source.take(judge.index[:FINAL]), extras={})
    return find_goals(events, search.figures, search.recipe.training.threads)


class _Driver:
    """Keeps the workers busy until there are enough trials."""

    def __init__(
        self,
        study: Study,
        trials: int,
        workers: int,
        threads: int,
        executor: Executor,
        progress: Progress,
        ended: Ended,
    ) -> None:
        self.study, self.trials, self.workers, self.threads = study, trials, workers, threads
        self.executor, self.progress, self.ended = executor, progress, ended
        self.n_done = 0
        self._n_ended = sum(trial.state != "running" for trial in study.trials)
        self._running: dict[Future[Any], int] = {}
        self._deaths: Counter[int] = Counter()
        self._lost = 0
        self._again: list[int] = []
        self._page_at = time.monotonic()

    def run(self) -> None:
        """Make all trials that are missing, those that were interrupted first.

        Raises:
            KeyboardInterrupt: what was running has kept a checkpoint.
            IncompleteRun: the executor is gone.
        """
        numbers = self._numbers()
        with self._pulse() as pulse:
            while self._fill(numbers, pulse) or self._running:
                for future in wait(self._running, return_when=FIRST_COMPLETED).done:
                    self._finish(self._running.pop(future), future)

    @contextmanager
    def _pulse(self) -> Iterator[Path]:
        """A file that is there as long as this driver is: without it running trials keep what they have, and stop.

        It has a name of its own, so that trials that a driver left behind that was killed stop, too.
        """
        folder = self.study.search.folder
        for left in folder.glob("driver-*"):
            left.unlink(missing_ok=True)
        pulse = folder / f"driver-{uuid.uuid4().hex[:12]}"
        with writing(pulse):
            pulse.touch()
        try:
            yield pulse
        finally:
            pulse.unlink(missing_ok=True)
            self._end()

    def _numbers(self) -> Iterator[int]:
        yield from self.study.interrupted()
        while len(self.study.trials) < self.trials:
            yield self.study.ask()

    def _fill(self, numbers: Iterator[int], pulse: Path) -> bool:
        """Give every worker a trial; whether there was any to give."""
        began = False
        while len(self._running) < self.workers:
            number = self._again.pop() if self._again else next(numbers, None)
            if number is None:
                break
            job = self.study.job(number, self.threads, pulse)
            call: Callable[..., Outcome] = run_apart
            if isinstance(self.executor, Here):
                call = partial(run_trial, watch=partial(self._watch, number))
            self._running[submit(self.executor, call, job)] = number
            began = True
        return began

    def _watch(self, number: int, share: float) -> None:
        self.progress(f"trial {number}", (self._n_ended + share) / max(self.trials, self._n_ended + 1))

    def _finish(self, number: int, future: Future[Any]) -> None:
        try:
            outcome: Outcome = answer_of(future)
        except (Lost, OSError) as error:  # another worker may be alive, and have space on its disk
            self._lost += 1
            if isinstance(self.executor, Here) or self._lost >= _PATIENCE:
                if isinstance(error, Lost):
                    raise IncompleteRun(f"{error}; what has ended is kept, and the same search goes on") from error
                raise
            self._again.append(number)
            return
        except IncompleteRun as error:
            self._deaths[number] += 1
            if self._deaths[number] < _LIVES:
                self._again.append(number)
                return
            outcome = Outcome("failed", said=f"{error}; was its memory enough?"[:500])
        self._lost = 0
        if outcome.state != "stopped":
            self._tell(number, outcome)

    def _tell(self, number: int, outcome: Outcome) -> None:
        self.study.tell(number, outcome)
        clean_up(self.study.search.trial_folder(number))
        self.n_done += 1
        trials = self.study.trials
        self._n_ended = sum(one.state != "running" for one in trials)
        self.progress(f"trial {number}", self._n_ended / max(self.trials, self._n_ended))
        self.ended(trials[number], self.study.best())
        if time.monotonic() - self._page_at > _PAGE_EVERY:
            write_page(self.study, self.write_recipes())
            self._page_at = time.monotonic()

    def _end(self) -> None:
        """Let what runs keep what it has, and write down what has ended meanwhile."""
        wait(self._running, _FAREWELL)
        for future, number in self._running.items():
            if future.done() and not future.cancelled():
                with suppress(Exception):
                    outcome: Outcome = answer_of(future)
                    if outcome.state != "stopped":
                        self._tell(number, outcome)
            future.cancel()

    def write_recipes(self) -> tuple[Path, ...]:
        """The best trial as a recipe, or those of the front, each as one."""
        study, folder = self.study, self.study.search.folder
        best = study.best()
        if len(study.goals) == 1:
            return tuple(self._write_recipe(trial, folder / "best.toml") for trial in best)
        with suppress(FileNotFoundError):
            shutil.rmtree(folder / "front")
        return tuple(self._write_recipe(trial, folder / "front" / f"{trial.number:04d}.toml") for trial in best)

    def _write_recipe(self, trial: Trial, path: Path) -> Path:
        table: dict[str, Any] = self.study.table(trial.number)
        table["training"]["threads"] = self.study.search.recipe.training.threads
        figures = ", ".join(f"{figure} {value:.4g}" for figure, value in trial.values.items())
        said = f"trial {trial.number} of a search: {figures} on the validation part"
        table["description"] = f"{table['description']}; {said}" if table["description"] else said
        with replacing(path, overwrite=True) as partial_file:
            partial_file.write_text(tomli_w.dumps(table), encoding="utf-8")
        return path
