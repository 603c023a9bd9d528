"""Exported models at work: numpy and onnxruntime, never torch.

    >>> from moliere.deploy.runtime import Runtime                                  # doctest: +SKIP
    >>> photons = Runtime("photons.onnx")                                           # doctest: +SKIP
    >>> photons.generate(energy=[20e3, 50e3], run=1, event=7, track=[0, 1]).shape   # doctest: +SKIP
    (2, 368)

The numbers that a shower is made from belong to its run, event and track (:mod:`moliere.deploy.philox`): one shower can
be made again alone, and neither the order of the tracks nor the batch changes any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moliere.deploy.card import Card, read_card
from moliere.deploy.philox import draw
from moliere.errors import (
    BundleError,
    InvalidEvents,
    InvalidQuantity,
    MissingExtra,
    UnsupportedIncident,
    did_you_mean,
)
from moliere.threads import chosen_threads
from moliere.units import format_energy

Outside = Literal["refuse", "clip", "extrapolate"]

#: relative slack at both ends of the range: files hold energies in float32
_SLACK = 1e-4
#: how much of a latent and of signals is in memory at once, in numbers
_AT_ONCE = 2**24


@dataclass
class Tally:
    """What a run has done, to be reported at its end.

    Args:
        made: events that were made.
        outside: incident particles outside the range, whatever was done with them.
        clipped: of them, those that were moved to the end of the range.
    """

    made: int = 0
    outside: int = 0
    clipped: int = 0

    def __str__(self) -> str:
        """One sentence."""
        return f"{self.made:,} events made; {self.outside:,} outside the range, {self.clipped:,} of them clipped"


class Runtime:
    """An exported model.

    Args:
        path: the file, as ``moliere export`` writes it.
        threads: of one call; showers of a multi-threaded simulation take one each; 0 takes as many as there are idle
            cores.

    Raises:
        BundleError: no such file, not one of moliere's, changed after it was written, or of a newer version.
        ConfigError: threads that no machine has.
        MissingExtra: onnxruntime is not installed.
    """

    def __init__(self, path: str | Path, *, threads: int = 1) -> None:
        self.path = Path(path)
        self._session = _open(self.path, chosen_threads(threads))
        self.card: Card = read_card(self.path, self._session.get_modelmeta().custom_metadata_map)
        if self.card.target != "onnx":
            raise BundleError(f"{path} is arranged for {self.card.target}; export it for onnx to run it here")
        self.tally = Tally()

    def generate(
        self,
        *,
        run: ArrayLike = 0,
        event: ArrayLike = 0,
        track: ArrayLike | None = None,
        latent: ArrayLike | None = None,
        outside: Outside = "refuse",
        **incident: ArrayLike,
    ) -> NDArray[np.float32]:
        """Signals of one shower for each incident particle.

        Args:
            run: number of the run.
            event: number of the event, one for all or one a shower.
            track: number of the track in the event; by default 0, 1, … in the order given.
            latent: numbers to make the showers from instead, (n, size of the latent).
            outside: what to do with particles outside the range: refuse all, move them to its end, or make them anyway.
            incident: columns by name, ``energy`` in MeV, ``theta`` in rad, ``pdg_id``, …; numbers, or one a shower.

        Returns:
            (n, n_channels) in the detector's unit.

        Raises:
            UnsupportedIncident: outside the range, or of a particle that the model does not know.
            InvalidEvents: a column is missing or holds NaN, or lengths differ.
            BundleError: no generative model, or its latent cannot be drawn here.
        """
        self._expect("generative")
        n, columns = self._columns(incident, (run, event, track), latent)
        if latent is not None:
            self._check_latent(latent)
        condition = self._guarded(columns, n, outside)
        names = [run, event, np.arange(n) if track is None else track]
        numbers = [np.broadcast_to(np.asarray(name), n) for name in names]
        signals = np.empty((n, self.card.output.width), np.float32)
        for rows in _pieces(n, sum(part.size for part in self.card.latent) + self.card.output.width):
            drawn = draw(self.card.latent, *(each[rows] for each in numbers)) if latent is None else _rows(latent, rows)
            signals[rows] = self._call({"latent": drawn, "condition": condition[rows]})
        self.tally.made += n
        return signals

    def refine(
        self,
        signals: ArrayLike,
        *,
        run: ArrayLike = 0,
        event: ArrayLike | None = None,
        outside: Outside = "refuse",
        **incident: ArrayLike,
    ) -> NDArray[np.float32]:
        """Refined signals (n, n_channels) of simulated ones.

        Args:
            signals: (n, n_channels).
            run: number of the run, which decides with that of the event what noise a refiner draws.
            event: number of each event; by default 0, 1, … in the order given.
            outside: what to do with particles outside the range.
            incident: columns by name.

        Raises:
            UnsupportedIncident: incident particles outside the training's range.
            InvalidEvents: a column is missing, or lengths differ.
            BundleError: no refiner.
        """
        self._expect("refiner")
        given = self._signals(signals)
        n, columns = self._columns(incident, (run, event), given)
        condition = self._guarded(columns, n, outside)
        numbers = [np.broadcast_to(np.asarray(name), n) for name in (run, np.arange(n) if event is None else event, 0)]
        refined = np.empty((n, self.card.output.width), np.float32)
        for rows in _pieces(n, sum(part.size for part in self.card.latent) + self.card.output.width):
            fed: dict[str, NDArray[Any]] = {"signals": given[rows], "condition": condition[rows]}
            if self.card.latent:
                fed["latent"] = draw(self.card.latent, *(each[rows] for each in numbers))
            refined[rows] = self._call(fed)
        self.tally.made += n
        return refined

    def reconstruct(self, signals: ArrayLike, **extras: ArrayLike) -> dict[str, NDArray[np.float64]]:
        """Incident quantities by name, (n,) each, of signals (n, n_channels) and of what else was recorded.

        Raises:
            InvalidEvents: an extra is missing, or lengths differ.
            BundleError: no reconstruction.
        """
        self._expect("reconstructor")
        given = self._signals(signals)
        needed = {port.name: port.width for port in self.card.inputs[1:]}
        for name, width in needed.items():
            shape = np.shape(extras[name]) if name in extras else "nothing"
            if shape != (len(given), width):
                raise InvalidEvents(f"{self._name} needs {name} of shape {(len(given), width)}, got {shape}")
        found = self._call({"signals": given, **{name: np.asarray(extras[name]) for name in needed}})
        self.tally.made += len(given)
        return dict(zip(self.card.output.columns, found.astype(np.float64).T, strict=True))

    def covers(self, **incident: ArrayLike) -> NDArray[np.bool_]:
        """Which incident particles the model was trained for; the others are for the full simulation, and counted."""
        n, columns = self._columns(incident, (), None)
        inside = ~_outside(self.card, columns, n) & ~self._strange(columns, n)
        self.tally.outside += int((~inside).sum())
        return inside

    @property
    def _name(self) -> str:
        return f"{self.path.name} ({self.card.model})"

    def _expect(self, kind: str) -> None:
        if self.card.kind != kind:
            raise BundleError(f"{self._name} holds a {self.card.kind} model, not a {kind} one")

    def _signals(self, signals: ArrayLike) -> NDArray[np.float32]:
        given = np.asarray(signals, np.float32)
        if given.ndim != 2 or given.shape[1] != self.card.inputs[0].width:
            raise InvalidEvents(f"{self._name} takes signals (n, {self.card.inputs[0].width}), got shape {given.shape}")
        return given

    def _check_latent(self, latent: ArrayLike) -> None:
        width, given = sum(part.size for part in self.card.latent), np.asarray(latent, np.float32)
        if given.ndim != 2 or given.shape[1] != width or not np.isfinite(given).all():
            raise InvalidEvents(f"{self._name} takes a latent (n, {width}) of finite numbers, got shape {given.shape}")

    def _columns(
        self, incident: Mapping[str, ArrayLike], names: tuple[ArrayLike | None, ...], rows: ArrayLike | None
    ) -> tuple[int, dict[str, NDArray[np.float64]]]:
        """How many events there are, and their incident columns, checked and of that length."""
        missing = [name for name in self.card.columns if name not in incident]
        if missing:
            raise InvalidEvents(f"{self._name} needs {' and '.join(missing)}; got {sorted(incident) or 'nothing'}")
        given = {name: _numbers(name, values) for name, values in incident.items()}
        numbers = [np.asarray(name) for name in names if name is not None]
        lengths = {len(values) for values in (*given.values(), *numbers) if values.ndim}
        lengths |= set() if rows is None else {len(np.asarray(rows))}
        if len(lengths) > 1 or any(v.ndim > 1 for v in given.values()):
            raise InvalidEvents(f"incident columns and numbers have lengths {sorted(lengths)}; expected one length")
        n = lengths.pop() if lengths else 1
        if bad := [name for name, values in given.items() if not np.isfinite(values).all()]:
            raise InvalidEvents(f"{bad[0]} holds values that are not finite; a particle needs a number")
        return n, {name: np.broadcast_to(values, n) for name, values in given.items()}

    def _guarded(self, columns: dict[str, NDArray[np.float64]], n: int, outside: Outside) -> NDArray[np.float64]:
        """The condition (n, n_columns), inside of the range unless that is asked for."""
        if outside not in (known := get_args(Outside)):
            raise InvalidQuantity(f"outside={outside!r}; {did_you_mean(str(outside), known)}")
        if "energy" in columns and outside == "extrapolate" and (columns["energy"] <= 0).any():
            raise UnsupportedIncident(
                f"{self._name} got energy {columns['energy'].min():g} MeV, from which nothing can be extrapolated; "
                "give energies above 0"
            )
        beyond = _outside(self.card, columns, n)
        strange = self._strange(columns, n)
        self.tally.outside += int((beyond | strange).sum())
        if strange.any() and outside != "extrapolate":
            raise UnsupportedIncident(_strangers(self._name, self.card, columns))
        if beyond.any() and outside == "refuse":
            raise UnsupportedIncident(_beyond(self._name, self.card, columns, beyond))
        if outside == "clip":
            self.tally.clipped += int(beyond.sum())
            columns = {
                name: np.clip(values, *self.card.validity[name]) if name in self.card.validity else values
                for name, values in columns.items()
            }
        used = [columns[name] for name in self.card.columns]
        return np.stack(used, axis=1) if used else np.zeros((n, 0))

    def _strange(self, columns: Mapping[str, NDArray[np.float64]], n: int) -> NDArray[np.bool_]:
        """Events whose particle the model does not know, or with a column that has no influence on what is made."""
        strange = np.zeros(n, bool)
        for name, values in columns.items():
            if name == "pdg_id" and name in self.card.columns:
                strange |= ~np.isin(values, self.card.particles)
            elif name not in self.card.columns:
                known = self.card.fixed.get(name, np.nan)
                strange |= ~(np.abs(values - known) <= _SLACK * abs(known))
        return strange

    def _call(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The graph's output; a graph of fixed shape is called as often as it takes."""
        fed = {port.name: np.ascontiguousarray(inputs[port.name], np.dtype(port.dtype)) for port in self.card.inputs}
        n, size = len(next(iter(fed.values()))), self.card.batch
        if n == 0:
            return np.zeros((0, self.card.output.width), np.float32)
        if size is None:
            output: NDArray[Any] = self._session.run(None, fed)[0]
            return output
        padded = {name: np.concatenate([v, np.repeat(v[-1:], -n % size, axis=0)]) for name, v in fed.items()}
        parts = [
            self._session.run(None, {name: v[start : start + size] for name, v in padded.items()})[0]
            for start in range(0, n, size)
        ]
        return np.concatenate(parts)[:n]


def _open(path: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra('onnxruntime is needed to run an exported model: pip install "moliere[onnx]"') from error
    if not path.is_file():
        raise BundleError(f"no file {path}; write one with: moliere export")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no other parent
        raise BundleError(f"{path} is truncated or no ONNX file ({str(error)[:100]}); export it again") from error


def _numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidEvents(f"{name} is {values!r}; expected numbers in MeV or rad, without a unit") from error


def _rows(values: ArrayLike, rows: slice) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)[rows]


def _pieces(n: int, width: int) -> list[slice]:
    """Rows that are in memory at once."""
    step = max(1, _AT_ONCE // max(1, width))
    return [slice(start, min(n, start + step)) for start in range(0, n, step)]


def _outside(card: Card, columns: Mapping[str, NDArray[np.float64]], n: int) -> NDArray[np.bool_]:
    """Events with a column outside the range trained on."""
    outside = np.zeros(n, bool)
    for name, (low, high) in card.validity.items():
        if name in columns and name != "pdg_id":
            values = columns[name]
            outside |= ~((values >= low - _SLACK * abs(low)) & (values <= high + _SLACK * abs(high)))
    return outside


def _beyond(name: str, card: Card, columns: Mapping[str, NDArray[np.float64]], beyond: NDArray[np.bool_]) -> str:
    for column, (low, high) in card.validity.items():
        worst = columns[column][beyond]
        worst = worst[(worst < low) | (worst > high)]
        if len(worst):
            show = format_energy if column == "energy" else "{:g}".format
            return (
                f"{name} covers {column} {show(low)} – {show(high)}, got {show(float(worst[0]))} ({int(beyond.sum())} "
                f"of {len(beyond)} particles outside); leave these to the full simulation (covers tells which), or "
                "pass outside='clip' or outside='extrapolate'"
            )
    raise AssertionError("what is beyond a range is beyond one of its columns")


def _strangers(name: str, card: Card, columns: Mapping[str, NDArray[np.float64]]) -> str:
    given = {column: sorted(set(values.tolist()))[:3] for column, values in columns.items()}
    known = {"pdg_id": sorted(card.particles)} if "pdg_id" in card.columns else dict(card.fixed)
    return (
        f"{name} is conditioned on {' and '.join(card.columns) or 'nothing'} and knows {known}; got {given}: leave "
        "such particles to the full simulation, or leave out columns that the model is not conditioned on"
    )
