"""The search: trials are begun, run by any executor, told to the study; what is interrupted goes on."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import tomli_w

from moliere.errors import ConfigError, IncompleteRun
from moliere.events import Events
from moliere.files import replacing, working_in
from moliere.front.bundles import choose_recipe
from moliere.models.base import models
from moliere.progress import Progress, silent
from moliere.threads import idle_threads
from moliere.training import Recipe
from moliere.tuning.goals import TIME, Goal, check_figures, find_goals
from moliere.tuning.page import write_page
from moliere.tuning.space import parse_parameters
from moliere.tuning.storage import mend_journal
from moliere.tuning.study import Search, Study, Trial
from moliere.tuning.trial import FINAL, Outcome, Pruner, clean_up, run_trial, validation_part
from moliere.tuning.workers import Here, local_processes

#: seconds between two pages while trials run
_PAGE_EVERY = 60.0
#: how often a trial is begun whose process dies
_LIVES = 2
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
    executor: Executor | None = None,
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
        seed: the same seed gives the same trials, with one worker.
        workers: trials at the same time, in processes of this machine.
        executor: what runs the trials instead; its processes must see the folder and the events.
        overwrite: forget an earlier search in the folder.
        progress: called with the name of each trial, and the share of the search that is done.
        ended: called with each trial that has ended, and the best ones by then.

    Raises:
        ConfigError: a number, a setting or a range that makes no sense, or a figure that these events do not give.
        UnknownName: a figure that does not exist.
        OutputExists: the folder holds another search.
        IncompleteRun: no trial has reached its end.
    """
    if trials < 1:
        raise ConfigError(f"{trials} trials; expected 1 or more")
    if workers < 1:
        raise ConfigError(f"{workers} workers; expected 1 or more")
    if looks < 1:
        raise ConfigError(f"{looks} parts of a training; expected 1 or more")
    check_figures(metrics)
    chosen = choose_recipe(recipe, {}, settings)
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
    with working_in(search.folder):
        if overwrite:
            _forget(search)
        mend_journal(search.journal)
        study = Study.find(search) or Study.create(search, _rehearse(search))
        driver = _Driver(study, trials, workers, executor, progress, ended)
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
        self, study: Study, trials: int, workers: int, executor: Executor | None, progress: Progress, ended: Ended
    ) -> None:
        self.study, self.trials, self.workers = study, trials, workers
        self.given, self.progress, self.ended = executor, progress, ended
        self.stop = study.search.folder / "stop"
        self.n_done = 0
        self._n_ended = sum(trial.state != "running" for trial in study.trials)
        self._running: dict[Future[Outcome], int] = {}
        self._starts: Counter[int] = Counter()
        self._again: list[int] = []
        self._page_at = time.monotonic()
        threads = study.search.recipe.training.threads
        self._threads = threads or (max(1, idle_threads() // workers) if workers > 1 else 0)

    def run(self) -> None:
        """Make all trials that are missing, those that were interrupted first.

        Raises:
            KeyboardInterrupt: what was running has kept a checkpoint.
        """
        self.stop.unlink(missing_ok=True)
        executor = self._executor()
        try:
            numbers = self._numbers()
            while self._fill(executor, numbers) or self._running:
                done, _ = wait(self._running, return_when=FIRST_COMPLETED)
                if any(isinstance(future.exception(), BrokenExecutor) for future in done) and self.given is None:
                    done, _ = wait(self._running)  # all processes of the pool have been ended
                    executor = self._executor()
                for future in done:
                    self._finish(self._running.pop(future), future)
        except BaseException:
            self._end()
            raise
        finally:
            self.stop.unlink(missing_ok=True)
            if self.given is None:
                executor.shutdown()

    def _executor(self) -> Executor:
        if self.given is not None:
            return self.given
        return Here() if self.workers == 1 else local_processes(self.workers)

    def _numbers(self) -> Iterator[int]:
        yield from self.study.interrupted()
        while len(self.study.trials) < self.trials:
            yield self.study.ask()

    def _fill(self, executor: Executor, numbers: Iterator[int]) -> bool:
        """Give every worker a trial; whether there was any to give."""
        began = False
        while len(self._running) < self.workers:
            number = self._again.pop() if self._again else next(numbers, None)
            if number is None:
                break
            self._starts[number] += 1
            job = self.study.job(number, self._threads, self.stop)
            job = replace(job, recipe={**job.recipe, "training": {**job.recipe["training"], "threads": self._threads}})
            call: Callable[..., Outcome] = run_trial
            if isinstance(executor, Here):
                call = partial(run_trial, watch=partial(self._watch, number))
            self._running[executor.submit(call, job)] = number
            began = True
        return began

    def _watch(self, number: int, share: float) -> None:
        self.progress(f"trial {number}", (self._n_ended + share) / max(self.trials, self._n_ended + 1))

    def _finish(self, number: int, future: Future[Outcome]) -> None:
        error = future.exception()
        if isinstance(error, OSError | ImportError):
            raise error
        if isinstance(error, BrokenExecutor) and self._starts[number] < _LIVES:
            self._again.append(number)
            return
        if error is not None:
            said = "its process was killed" if isinstance(error, BrokenExecutor) else f"{type(error).__name__}: {error}"
            outcome = Outcome("failed", said=f"{said}; was its memory enough?"[:500])
        else:
            outcome = future.result()
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
        self.stop.touch()
        for future in self._running:
            future.cancel()
        wait(self._running)
        for future, number in self._running.items():
            if not future.cancelled() and future.exception() is None and future.result().state != "stopped":
                self._tell(number, future.result())

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
