"""A search on disk: what is searched and by what, the trials that there are, and what the next one tries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moliere.config import Table
from moliere.errors import OutputExists
from moliere.seeding import derive_seed
from moliere.training import Recipe
from moliere.tuning.goals import Goal
from moliere.tuning.space import Parameter, with_values
from moliere.tuning.storage import is_url, open_storage, optuna_here
from moliere.tuning.trial import Job, Outcome, Pruner, make_pruner

#: where a search is described in its study
_KEY = "moliere"
#: settings that change how fast a training is, not what it learns
_FREE = {"recipe.description", "recipe.training.threads", "recipe.training.checkpoint_minutes"}


@dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Args:
        recipe: whose settings they are.
        parameters: the settings.
        figures: that trials are judged by.
        folder: of all trials.
        seed: the same seed gives the same trials, one worker at a time.
        pruner: who gives up trials.
        looks: parts of a training, between which it is judged.
        storage: URL of a database; a journal in the folder where there is none.
    """

    recipe: Recipe
    parameters: tuple[Parameter, ...]
    figures: tuple[str, ...]
    folder: Path
    seed: int = 0
    pruner: Pruner = "median"
    looks: int = 5
    storage: str | None = None

    @property
    def name(self) -> str:
        """Of the study in its storage."""
        return self.folder.absolute().name

    @property
    def journal(self) -> Path:
        """The file that holds the study where no database does."""
        return self.folder / "study.journal"

    @property
    def where(self) -> str:
        """Path or URL of the storage."""
        return self.storage or str(self.journal.absolute())

    def trial_folder(self, number: int) -> Path:
        """Of one trial."""
        return self.folder / "trials" / f"{number:04d}"

    def to_dict(self) -> dict[str, Any]:
        """What must not change from one run of a search to the next."""
        return {
            "recipe": self.recipe.to_table(),
            "parameters": {parameter.name: parameter.text for parameter in self.parameters},
            "metrics": list(self.figures),
            "seed": self.seed,
            "pruner": self.pruner,
            "looks": self.looks,
        }


@dataclass(frozen=True)
class Trial:
    """What is known of one trial.

    Args:
        number: from 0.
        state: complete, pruned, failed or running.
        settings: setting → value.
        values: figure → value; of a trial that was given up, none.
        on_the_way: part of the training → the figure after it.
        said: why it is not complete.
        seconds: that it took.
    """

    number: int
    state: str
    settings: Mapping[str, Any]
    values: Mapping[str, float] = field(default_factory=dict)
    on_the_way: Mapping[int, float] = field(default_factory=dict)
    said: str = ""
    seconds: float = 0.0


class Study:
    """The trials of a search in Optuna's storage.

    Args:
        search: what is searched.
        study: Optuna's.
        goals: what the figures are, and which end is better.
    """

    def __init__(self, search: Search, study: Any, goals: tuple[Goal, ...]) -> None:
        self.search, self.goals = search, goals
        self._study = study
        self._distributions = {parameter.name: parameter.distribution() for parameter in search.parameters}

    @staticmethod
    def find(search: Search) -> Study | None:
        """The study that is there already; ``None`` where there is none.

        Raises:
            OutputExists: it is a study of another recipe, or of other settings.
            ConfigError: the storage cannot be used.
        """
        if not is_url(search.where) and not search.journal.exists():
            return None
        optuna, storage = optuna_here(), open_storage(search.where)
        if search.name not in optuna.get_all_study_names(storage):
            return None
        study = optuna.load_study(study_name=search.name, storage=storage, pruner=make_pruner(search.pruner))
        if _KEY not in study.user_attrs:  # who made it was killed before it was described
            optuna.delete_study(study_name=search.name, storage=storage)
            return None
        content = study.user_attrs[_KEY]
        if different := [name for name in _different(content["search"], search.to_dict()) if name not in _FREE]:
            raise OutputExists(
                f"{search.folder} holds another search ({', '.join(different)}: not the same); go on with the same "
                "words, choose another folder, or overwrite it",
                options=("-o", "--overwrite"),
            )
        return Study(search, study, tuple(Goal(**goal) for goal in content["goals"]))

    @staticmethod
    def create(search: Search, goals: tuple[Goal, ...]) -> Study:
        """A study without trials."""
        study = optuna_here().create_study(
            study_name=search.name,
            storage=open_storage(search.where),
            directions=[goal.direction for goal in goals],
            pruner=make_pruner(search.pruner),
        )
        study.set_user_attr(_KEY, {"search": search.to_dict(), "goals": [asdict(goal) for goal in goals]})
        return Study(search, study, goals)

    @staticmethod
    def delete(search: Search) -> None:
        """Forget the study of that name, if there is one."""
        if is_url(search.where):
            optuna, storage = optuna_here(), open_storage(search.where)
            if search.name in optuna.get_all_study_names(storage):
                optuna.delete_study(study_name=search.name, storage=storage)
        search.journal.unlink(missing_ok=True)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All of them."""
        return tuple(map(self._read, self._study.get_trials(deepcopy=False)))

    def interrupted(self) -> list[int]:
        """Trials that began and did not end; nobody else works at this study."""
        return [trial.number for trial in self.trials if trial.state == "running"]

    def ask(self) -> int:
        """Begin a trial; what it tries depends on the seed, its number and the trials that have ended, no more."""
        seed = derive_seed(self.search.seed, len(self._study.get_trials(deepcopy=False))) % 2**32
        self._study.sampler = optuna_here().samplers.TPESampler(seed=seed)
        return int(self._study.ask(self._distributions).number)

    def job(self, number: int, threads: int, pulse: Path) -> Job:
        """What a process needs to make a trial, with so many CPU threads, as long as a file is there."""
        search, trial, recipe = self.search, self._study.trials[number], self.table(number)
        return Job(
            number,
            trial._trial_id,
            {**recipe, "training": {**recipe["training"], "threads": threads}},
            search.trial_folder(number).absolute(),
            search.figures,
            search.where,
            search.name,
            search.pruner,
            search.looks,
            pulse.absolute(),
            Path.cwd(),
        )

    def table(self, number: int) -> Table:
        """The recipe of a trial."""
        return with_values(self.search.recipe.to_table(), self.trials[number].settings)

    def tell(self, number: int, outcome: Outcome) -> None:
        """Write down how a trial ended."""
        states = optuna_here().trial.TrialState
        trial = optuna_here().trial.Trial(self._study, self._study.trials[number]._trial_id)
        trial.set_user_attr("seconds", outcome.seconds)
        trial.set_user_attr("said", outcome.said)
        if outcome.state == "complete":
            self._study.tell(number, [outcome.values[goal.figure] for goal in self.goals])
        else:
            self._study.tell(number, state={"pruned": states.PRUNED, "failed": states.FAIL}[outcome.state])

    def best(self) -> tuple[Trial, ...]:
        """The best trial, or those that no other one is better than in every figure, by the first figure."""
        done = [trial for trial in self.trials if trial.state == "complete"]
        front = [trial for trial in done if not any(self._beats(other, trial) for other in done)]
        sign = 1 if self.goals[0].direction == "minimize" else -1
        ranked = sorted(front, key=lambda trial: (sign * trial.values[self.goals[0].figure], trial.number))
        return tuple(ranked if len(self.goals) > 1 else ranked[:1])

    def _beats(self, one: Trial, other: Trial) -> bool:
        """Whether one is better in some figure, and worse in none."""
        pairs = [(goal, one.values[goal.figure], other.values[goal.figure]) for goal in self.goals]
        return any(goal.better(a, b) for goal, a, b in pairs) and not any(goal.better(b, a) for goal, a, b in pairs)

    def importances(self, goal: Goal) -> Mapping[str, float] | None:
        """Which share of a figure's variance each setting explains; ``None`` where too few trials tell.

        References:
            An Efficient Approach for Assessing Hyperparameter Importance, F. Hutter, 2014,
            https://proceedings.mlr.press/v32/hutter14.html
        """
        values = {trial.values[goal.figure] for trial in self.trials if trial.state == "complete"}
        if len(values) <= len(self._distributions) + 1:
            return None
        importance, place = optuna_here().importance, self.goals.index(goal)
        try:
            found: dict[str, float] = importance.get_param_importances(
                self._study,
                evaluator=importance.FanovaImportanceEvaluator(seed=0),
                target=lambda trial: trial.values[place],
            )
        except RuntimeError:  # the values vary too little for a forest
            return None
        return found

    def _read(self, trial: Any) -> Trial:
        state = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}.get(trial.state.name, "running")
        figures = [goal.figure for goal in self.goals]
        values = dict(zip(figures, trial.values, strict=True)) if state == "complete" else {}
        said, seconds = trial.user_attrs.get("said", ""), trial.user_attrs.get("seconds", 0.0)
        settings = {name: trial.params[name] for name in self._distributions if name in trial.params}
        return Trial(trial.number, state, settings, values, dict(trial.intermediate_values), said, seconds)


def _different(old: Any, new: Any, prefix: str = "") -> Iterable[str]:
    """Dotted names of what differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _different(old.get(key), new.get(key), f"{prefix}.{key}".lstrip("."))
    elif old != new:
        yield prefix
