"""The page of a search: how it went, what the settings do, every trial, and the recipes that won."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from moliere.files import replacing
from moliere.pipelines.words import duration
from moliere.report import words
from moliere.report.html import render
from moliere.tuning.pictures import pictures_of
from moliere.tuning.storage import shown
from moliere.tuning.study import Study, Trial

#: what a trial leaves, and what it is called on the page
_LINKS = {"report/report.html": "report", "recipe.toml": "recipe", "metrics.csv": "losses"}
_LEVELS = {"complete": "", "pruned": "fair", "failed": "poor", "running": ""}
_WORDS = {"pruned": "given up", "running": "not ended"}


@dataclass(frozen=True)
class Row:
    """A trial on the page.

    Args:
        trial: all about it.
        state: in words.
        level: good, fair, poor or nothing.
        took: how long.
        links: word → where it leads.
    """

    trial: Trial
    state: str
    level: str
    took: str
    links: dict[str, str]


def write_page(study: Study, recipes: Sequence[Path]) -> Path:
    """Write ``tuning.html`` into the folder of the search.

    Args:
        study: with its trials.
        recipes: files of the best ones.
    """
    search, best = study.search, study.best()
    path = search.folder / "tuning.html"
    context: dict[str, Any] = {
        "search": search,
        "goals": study.goals,
        "rows": [_row(study, trial, best) for trial in _in_order(study)],
        "counts": Counter(trial.state for trial in study.trials),
        "best": best,
        "recipes": [
            (trial, _link(search.folder, recipe), shlex.join(["moliere", "train", str(recipe)]))
            for trial, recipe in zip(best, recipes, strict=True)
        ],
        "pictures": pictures_of(study),
        "storage": shown(search.storage) if search.storage else "",
        "number": words.number,
    }
    text = render("tuning.html", **context)
    with replacing(path, overwrite=True) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def _in_order(study: Study) -> list[Trial]:
    """The best first, then those that ended, then the others."""
    sign = 1 if study.goals[0].direction == "minimize" else -1
    best = study.best()
    done = sorted(
        (trial for trial in study.trials if trial.state == "complete" and trial not in best),
        key=lambda trial: sign * trial.values[study.goals[0].figure],
    )
    return [*best, *done, *(trial for trial in study.trials if trial.state != "complete")]


def _row(study: Study, trial: Trial, best: Sequence[Trial]) -> Row:
    folder = study.search.trial_folder(trial.number)
    links = {
        word: _link(study.search.folder, folder / name) for name, word in _LINKS.items() if (folder / name).exists()
    }
    if folder.exists():
        links["folder"] = _link(study.search.folder, folder) + "/"
    state = ("best" if len(study.goals) == 1 else "front") if trial in best else _WORDS.get(trial.state, trial.state)
    level = "good" if trial in best else _LEVELS[trial.state]
    return Row(trial, state, level, duration(trial.seconds) if trial.seconds else "", links)


def _link(folder: Path, path: Path) -> str:
    return quote(os.path.relpath(path, folder))
