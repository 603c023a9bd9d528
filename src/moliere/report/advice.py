"""What the reader of a page can do: get the same numbers again, and get better ones."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from moliere.detectors import from_spec
from moliere.evaluation.findings.giveaways import Giveaways
from moliere.evaluation.result import Report
from moliere.evaluation.verdicts import AUC_GOOD, standing

#: one thing to do, and the command that does it, empty where there is none
Step = tuple[str, str]

#: so many events make differences visible that matter in an analysis
_ENOUGH = 10_000
_GENERATOR = "moliere bundle "


def command(report: Report) -> str:
    """The command line that evaluates the same files in the same way."""
    known = report.settings
    part = str(known.get("part", "all"))
    words = ["moliere", "evaluate", _reference(report), report.generated.name]
    options = {
        "--bundle": known.get("bundle"),
        "--part": None if part == "all" else part,
        "--baseline": report.baseline.name if report.baseline else None,
        "--suite": known.get("suite"),
        "--threshold": _threshold(report),
        "--max-events": known.get("max_events"),
        "--classifier-seeds": known.get("classifier_seeds"),
        "--seed": known.get("seed"),
    }
    words += [word for option, value in options.items() if value is not None for word in (option, str(value))]
    words += ["--match-incident"] if known.get("match_incident") else []
    return shlex.join([*words, "-o", "report"])


def _reference(report: Report) -> str:
    """The name of its file, of which a part may have been taken."""
    return report.reference.name.removesuffix(f" ({report.settings.get('part')})")


def _threshold(report: Report) -> str | None:
    """Where it is neither the detector's nor that of a bundle that is named."""
    given, own = report.settings.get("threshold"), getattr(from_spec(report.detector), "threshold", 0.0)
    return None if given is None or given == own or "bundle" in report.settings else f"{given:g}MeV"


def next_steps(report: Report) -> Iterator[Step]:
    """What to do after reading the page, the most urgent first; there is always something."""
    bundle = _bundle(report)
    if said := report.generated.metadata.get("undertrained"):
        recipe = bundle or "RECIPE"
        yield (
            f"Finish the training before anything else ({said}): with a larger limit it goes on where it stopped.",
            f"moliere train {shlex.quote(recipe)} --resume --set training.minutes=120",
        )
    yield from _more_events(report, bundle)
    worst = report.worst("auc-")
    if worst is not None and standing(worst) == "above" and (worst.value or 0.0) > AUC_GOOD:
        yield from _better_model(report, bundle)
    else:
        yield "Compare what your analysis uses: an observable of your own, once registered, appears on this page.", ""


def _more_events(report: Report, bundle: str) -> Iterator[Step]:
    n = min(report.reference.n_used, report.generated.n_used)
    unsure = [metric.label for metric in report.metrics if standing(metric) == "undecided"]
    if n >= _ENOUGH and not unsure:
        return
    why = f" ({len(unsure)} of the metrics could not be decided)" if unsure else ""
    smaller = "reference" if report.reference.n_used <= report.generated.n_used else "generated"
    wanted = _ENOUGH if n < _ENOUGH else 4 * n
    gain = f"{wanted:,} in each make errors {(wanted / n) ** 0.5:.1f} times smaller"
    if report.reference.n_events < wanted:
        gain += f", and the reference holds {report.reference.n_events:,}: make more of it, too"
    yield (
        f"Use more events{why}: the {smaller} sample has {n:,}; {gain}.",
        f"moliere generate {shlex.join([bundle, '--like', _reference(report)])} -o more.h5" if bundle else "",
    )


def _better_model(report: Report, bundle: str) -> Iterator[Step]:
    giveaways = report.find(Giveaways)
    if giveaways is not None and giveaways.rows:
        worst = ", ".join(row.label or row.observable for row in giveaways.rows[:3])
        yield f"Look first at what gives the sample away: {worst}.", ""
    if _is_recipe(bundle):
        trained = report.generated.metadata.get("training_iterations")
        had = f" than the {trained:,} that it had" if isinstance(trained, int) else ""
        yield (
            f"Train longer: give the recipe {bundle} more iterations{had}, and more events to learn from.",
            f"moliere train {bundle} EVENTS --iterations NUMBER",
        )
    else:
        yield (
            "Train the generator longer, or on more events, or choose another model for this kind of detector.",
            "moliere list recipes",
        )


def _bundle(report: Report) -> str:
    """The bundle that made the generated events; empty where it is not known."""
    generator = str(report.generated.metadata.get("generator", ""))
    return generator.removeprefix(_GENERATOR) if generator.startswith(_GENERATOR) else ""


def _is_recipe(name: str) -> bool:
    return "/" not in name and (resources.files("moliere") / "recipes" / f"{name}.toml").is_file()
