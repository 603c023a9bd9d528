"""Pictures of a search: how it went, what the settings do, and what two figures cost each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from moliere.report.plots import draw_legend
from moliere.report.section import Picture, file_name
from moliere.report.style import GENERATED, GUIDE, REFERENCE, log_ticks, new_figure, style
from moliere.tuning.goals import Goal
from moliere.tuning.space import Parameter, Range
from moliere.tuning.study import Study, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: an axis is logarithmic where its values span such a factor
_SPAN = 20.0
_WIDTH, _HEIGHT = 3.5, 2.4


def pictures_of(study: Study) -> list[Picture]:
    """All that the trials so far give."""
    return [*_histories(study), *_fronts(study), *_on_the_way(study), *_importances(study), *_slices(study)]


def _label(goal: Goal) -> str:
    unit = f" ({goal.unit})" if goal.unit and goal.unit not in goal.label else ""
    return f"{goal.label}{unit}"


def _axes(figure: Figure) -> Axes:
    return figure.add_axes((0.19, 0.19, 0.77, 0.65))


def _scale(axes: Axes, axis: str, values: Sequence[float]) -> None:
    """Logarithmic where the values span much; a margin on either side."""
    known = [value for value in values if value > 0]
    if len(known) == len(values) > 1 and max(values) > _SPAN * min(values):
        (axes.set_xscale if axis == "x" else axes.set_yscale)("log")
        log_ticks(axes, "x" if axis == "x" else "y")


def _histories(study: Study) -> Iterator[Picture]:
    """Each figure against the number of the trial, and the best so far."""
    for goal in study.goals:
        done = [trial for trial in study.trials if trial.state == "complete"]
        if done:
            yield Picture(
                f"history-{file_name(goal.figure)}", _history(study, goal, done), f"{goal.figure} of each trial"
            )


def _history(study: Study, goal: Goal, done: Sequence[Trial]) -> Figure:
    from matplotlib.ticker import MaxNLocator

    with style():
        figure = new_figure(_WIDTH, _HEIGHT)
        axes = _axes(figure)
        numbers, values = [trial.number for trial in done], [trial.values[goal.figure] for trial in done]
        best = [values[0]]
        for value in values[1:]:
            best.append(value if goal.better(value, best[-1]) else best[-1])
        axes.plot(numbers, values, "o", color=GENERATED, label="trial")
        axes.step(
            [*numbers, study.trials[-1].number], [*best, best[-1]], where="post", color=REFERENCE, label="best so far"
        )
        given_up = [
            (trial.number, _latest(trial)) for trial in study.trials if trial.state == "pruned" and trial.on_the_way
        ]
        if given_up:
            axes.plot(*zip(*given_up, strict=True), "o", color=GENERATED, fillstyle="none", label="given up")
        failed = [trial.number for trial in study.trials if trial.state == "failed"]
        if failed:
            where: Any = axes.get_xaxis_transform()
            axes.plot(failed, [0.03] * len(failed), "x", color=GUIDE, transform=where, label="failed")
        _scale(axes, "y", [*values, *(value for _, value in given_up)])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(axis="x", which="minor", bottom=False)
        axes.set_xlabel("trial")
        axes.set_ylabel(_label(goal))
        draw_legend(axes)
    return figure


def _latest(trial: Trial) -> float:
    return trial.on_the_way[max(trial.on_the_way)]


def _fronts(study: Study) -> Iterator[Picture]:
    """Two figures against each other, the first against each of the others."""
    done = [trial for trial in study.trials if trial.state == "complete"]
    if not done:
        return
    first, *others = study.goals
    for other in others:
        title = f"{first.figure} against {other.figure}"
        yield Picture(f"front-{file_name(other.figure)}", _front(study, done, first, other), title)


def _front(study: Study, done: Sequence[Trial], first: Goal, other: Goal) -> Figure:
    with style():
        figure = new_figure(_WIDTH, _HEIGHT)
        axes = _axes(figure)
        pairs = [(trial.values[other.figure], trial.values[first.figure]) for trial in done]
        axes.plot(*zip(*pairs, strict=True), "o", color=REFERENCE, label="trial")
        front = sorted((trial.values[other.figure], trial.values[first.figure], trial.number) for trial in study.best())
        xs, ys, numbers = zip(*front, strict=True)
        lined = "-" if len(study.goals) == 2 else ""
        axes.plot(xs, ys, f"o{lined}", color=GENERATED, label="front")
        for x, y, number in zip(xs, ys, numbers, strict=True):
            axes.annotate(str(number), (x, y), xytext=(4, 4), textcoords="offset points", fontsize=7)
        _scale(axes, "x", [pair[0] for pair in pairs])
        _scale(axes, "y", [pair[1] for pair in pairs])
        axes.set_xlabel(_label(other))
        axes.set_ylabel(_label(first))
        draw_legend(axes)
    return figure


def _on_the_way(study: Study) -> Iterator[Picture]:
    """How the figure fell while the trials were trained."""
    seen = [trial for trial in study.trials if trial.on_the_way]
    if not seen:
        return
    (goal,) = study.goals
    with style():
        figure = new_figure(_WIDTH, _HEIGHT)
        axes = _axes(figure)
        best = {trial.number for trial in study.best()}
        for trial in sorted(seen, key=lambda trial: trial.number in best):
            points = dict(sorted(trial.on_the_way.items()))
            if trial.values:
                points[study.search.looks] = trial.values[goal.figure]
            shares = [100 * step / study.search.looks for step in points]
            colour, line = (GENERATED, "-") if trial.number in best else (REFERENCE, "-" if trial.values else ":")
            axes.plot(shares, [*points.values()], line, marker="o", markersize=2.5, color=colour, linewidth=0.8)
        _scale(axes, "y", [value for trial in seen for value in (*trial.on_the_way.values(), *trial.values.values())])
        axes.set_xlim(0, 102)
        axes.set_xlabel("share of the training (%)")
        axes.set_ylabel(_label(goal))
    yield Picture(
        "on-the-way", figure, f"{goal.figure} while trials are trained; dotted: given up; in colour: the best"
    )


def _importances(study: Study) -> Iterator[Picture]:
    for goal in study.goals:
        shares = study.importances(goal)
        if shares:
            title = f"which setting decides {goal.figure}"
            yield Picture(f"importance-{file_name(goal.figure)}", _bars(shares), title)


def _bars(shares: Any) -> Figure:
    with style():
        figure = new_figure(_WIDTH, 0.9 + 0.3 * len(shares))
        height = figure.get_figheight()
        axes = figure.add_axes((0.42, 0.5 / height, 0.54, 1 - 0.6 / height))
        axes.barh(range(len(shares)), [100 * share for share in shares.values()], color=GENERATED, height=0.6)
        axes.set_yticks(range(len(shares)), list(shares), fontsize=7)
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.minorticks_off()
        axes.set_xlabel("share of the variance (%)")
    return figure


def _slices(study: Study) -> Iterator[Picture]:
    """The first figure against every setting."""
    goal = study.goals[0]
    done = [trial for trial in study.trials if trial.state == "complete"]
    for parameter in study.search.parameters if done else ():
        figure = _slice(parameter, goal, done)
        yield Picture(f"setting-{file_name(parameter.name)}", figure, f"{goal.figure} and {parameter.name}")


def _slice(parameter: Parameter, goal: Goal, done: Sequence[Trial]) -> Figure:
    with style():
        figure = new_figure(_WIDTH, _HEIGHT)
        axes = _axes(figure)
        values = [trial.values[goal.figure] for trial in done]
        settings = [trial.settings[parameter.name] for trial in done]
        if isinstance(parameter.values, Range):
            axes.plot(settings, values, "o", color=GENERATED)
            if parameter.values.log:
                axes.set_xscale("log")
                axes.set_xlim(parameter.values.low, parameter.values.high)
                log_ticks(axes, "x")
        else:
            known = list(parameter.values)
            axes.plot([known.index(setting) for setting in settings], values, "o", color=GENERATED)
            axes.set_xticks(range(len(known)), known)
            axes.set_xlim(-0.5, len(known) - 0.5)
            axes.tick_params(axis="x", which="minor", bottom=False)
        _scale(axes, "y", values)
        axes.set_xlabel(parameter.name)
        axes.set_ylabel(_label(goal))
    return figure
