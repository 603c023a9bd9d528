"""Two processes train as one does: the same batches, noise, losses and weights; and they end together."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from moliere.detectors import PhaseSpace, catalog
from moliere.errors import CheckpointError, ConfigError, IncompleteRun, TrainingDiverged
from moliere.events import Events
from moliere.events.formats import write_events
from moliere.models import Bundle, load_bundle
from moliere.models.noise import SharedGenerator, shared_noise, strata
from moliere.simulators import Muons
from moliere.training import Recipe, fit
from moliere.training.batches import open_batches
from moliere.training.launch import launch
from moliere.training.ranks import Ranks
from moliere.training.recipe import parse_recipe

SMALL = {"width": 8, "global_width": 8, "blocks": 1, "layer_width": 8, "layer_blocks": 1, "knots": 4}
PAIR = [Ranks(k, 2) for k in range(2)]


def recipe(file: Path, **training: Any) -> Recipe:
    """An odd batch, so that the two parts differ in size."""
    settings = {"iterations": 8, "batch_size": 33, "warmup": 3, "validations": 2, "schedule": "constant"}
    return parse_recipe(
        {
            "name": "toy",
            "data": {"events": str(file)},
            "model": {"kind": "calorimeter-flow", **SMALL},
            "training": {**settings, "threads": 1, "accelerator": "cpu", **training},
        }
    )


def act(rank: int, port: int, table: dict[str, Any], folder: Path, resume: bool, answers: Any, apart: bool) -> None:
    """What a process of ``torchrun`` does; ``apart`` keeps each from taking the first one's weights."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()}, MASTER_ADDR="localhost")
    if apart:
        Ranks.make_equal = lambda ranks, module: None  # type: ignore[method-assign]
    try:
        bundle, _ = fit(parse_recipe(table), folder, resume=resume)
        answers.put((rank, {name: values.detach().numpy() for name, values in bundle.model.named_parameters()}))
    except Exception as error:
        answers.put((rank, error))


@pytest.fixture(scope="module")
def fit_by_two() -> Callable[..., list[Any]]:
    """Trains in two processes; gives the weights of both, or what they raised."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["moliere.training.fit", "moliere.models", "lightning_fabric"])

    def run(order: Recipe, folder: Path, *, resume: bool = False, apart: bool = False) -> list[Any]:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        answers = context.Queue()
        given = (port, order.to_table(), folder, resume, answers, apart)
        processes = [context.Process(target=act, args=(rank, *given)) for rank in range(2)]
        for process in processes:
            process.start()
        found = dict(answers.get(timeout=120) for _ in processes)
        for process in processes:
            process.join(60)
        return [found[0], found[1]]

    return run


def losses(folder: Path) -> dict[tuple[str, str], float]:
    with (folder / "metrics.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    found = {(row["iteration"], row["name"]): float(row["value"]) for row in rows}
    assert len(found) == len(rows), "one line was written twice"
    return found


def parameters(bundle: Bundle) -> dict[str, Any]:
    return {name: values.detach().numpy() for name, values in bundle.model.named_parameters()}


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, values in one.items():
        np.testing.assert_allclose(np.asarray(values), np.asarray(other[name]), rtol=1e-3, atol=2e-5, err_msg=name)


def test_two_have_the_losses_and_the_weights_of_one_and_either_goes_on(
    file: Path, tmp_path: Path, fit_by_two: Callable[..., list[Any]]
) -> None:
    whole = parameters(fit(recipe(file), tmp_path / "whole")[0])
    fit_by_two(recipe(file, iterations=4), tmp_path / "two")
    then_one = parameters(fit(recipe(file), tmp_path / "two", resume=True)[0])
    fit(recipe(file, iterations=4), tmp_path / "one")
    then_two = fit_by_two(recipe(file), tmp_path / "one", resume=True)
    for weights in (then_one, *then_two):
        assert_same(whole, weights)
    expected = losses(tmp_path / "whole")
    assert {name for _, name in expected} >= {"train/layers", "train/voxels", "validation/layers"}
    for folder in ("two", "one"):
        found = losses(tmp_path / folder)
        assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-3)
    assert load_bundle(tmp_path / "one" / "toy.bundle").provenance["processes"] == 2


def test_the_networks_of_adversaries_stay_the_same_in_both(
    tmp_path: Path, fit_by_two: Callable[..., list[Any]]
) -> None:
    """Two objectives, one of which passes through the other's network; weighted events; noise that is not shared."""
    detector = catalog.get("ship-muons")
    assert isinstance(detector, PhaseSpace)
    muons = Muons(detector).simulate({"energy": np.full(600, 400e3)}, np.random.default_rng(0))
    write_events(tmp_path / "flux.h5", muons)
    table = recipe(tmp_path / "flux.h5", ema=0.0).to_table()
    table["data"]["condition"] = []
    table["model"] = {"kind": "muon-gan", "latent": 6, "generator_width": [8, 8], "discriminator_width": [8, 8]}
    one, other = fit_by_two(parse_recipe(table), tmp_path / "run", apart=True)
    assert {name.split(".")[0] for name in one} == {"generator", "discriminator"}
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)
    assert {name for _, name in losses(tmp_path / "run")} >= {"train/generator", "train/discriminator"}


def test_all_stop_where_the_loss_of_one_is_not_finite(
    file: Path, tmp_path: Path, fit_by_two: Callable[..., list[Any]]
) -> None:
    found = fit_by_two(recipe(file, learning_rate=1e30, clip_norm=0.0, validations=0), tmp_path)
    assert [type(error) for error in found] == [TrainingDiverged] * 2
    assert str(found[0]) == str(found[1])
    assert "no checkpoint had been written yet" in str(found[0])


def test_what_the_first_cannot_do_ends_the_others(
    file: Path, tmp_path: Path, fit_by_two: Callable[..., list[Any]]
) -> None:
    first, second = fit_by_two(recipe(file), tmp_path / "empty", resume=True)
    assert isinstance(first, CheckpointError)
    assert isinstance(second, IncompleteRun)
    assert "its own message says why" in str(second)


def test_a_batch_with_less_events_than_processes_is_refused(
    file: Path, tmp_path: Path, fit_by_two: Callable[..., list[Any]]
) -> None:
    for error in fit_by_two(recipe(file, batch_size=1), tmp_path):
        assert isinstance(error, ConfigError)
        assert "a batch of 1 events cannot be shared by 2 processes" in str(error)


def test_a_signal_to_one_process_ends_all_with_a_checkpoint(file: Path, tmp_path: Path) -> None:
    """Started by the library; one of the two processes gets what a batch system sends."""

    def end_one() -> None:
        deadline = time.monotonic() + 100
        while not (tmp_path / "metrics.csv").exists() or len(losses(tmp_path)) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        children = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "moliere.training.rank"], capture_output=True)
        os.kill(int(children.stdout.split()[-1]), signal.SIGTERM)

    many = recipe(file, iterations=10**6, validations=10**6, devices=2)
    killer = threading.Thread(target=end_one)
    killer.start()
    seen: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        launch(many, tmp_path, resume=False, overwrite=False, console=None, watch=seen.append)
    killer.join()
    done = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["progress"]["iteration"]
    assert done >= max(int(iteration) for iteration, _ in losses(tmp_path))
    assert seen == sorted(seen)
    assert fit(recipe(file, iterations=done, validations=10**6), tmp_path, resume=True)[1].progress.iteration == done


def test_several_nodes_need_a_place_to_meet(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(ConfigError, match="set MASTER_ADDR to the name of one of them"):
        fit(recipe(file, nodes=2), tmp_path)


@pytest.mark.parametrize("held", [True, False], ids=["in memory", "from disk"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_parts_of_a_batch_are_the_batch(polar_events: Events, held: bool, weighted: bool) -> None:
    events = polar_events
    if weighted:
        weights = np.random.default_rng(0).random(len(events))
        events = Events(events.detector, events.incident, events.signals, weights)
    source = open_batches(events, np.arange(0, 600, 2), ("energy",))
    source = source if held else type(source)(source.source, source.index, source.columns)
    parts = [source.draw(33, 1, 7, ranks) for ranks in PAIR]
    whole = source.draw(33, 1, 7)
    for name in ("signals", "condition"):
        together = torch.cat([getattr(part, name) for part in parts])
        rows = getattr(whole, name)
        assert torch.equal(together, rows)


def draws(ranks: Ranks) -> list[torch.Tensor]:
    """All ways in which models draw a row for each of 5 events, shared by two; then other numbers."""
    rng = ranks.generator(torch.device("cpu"), 3, 5)
    n = len(range(5)[ranks.rows(5)])
    if not isinstance(rng, SharedGenerator):
        return _draw(n, rng)
    with shared_noise(rng):
        return _draw(n, rng)


def _draw(n: int, rng: torch.Generator) -> list[torch.Tensor]:
    part, parts = strata(n, rng, torch.device("cpu"))
    return [
        torch.randn((n, 3), generator=rng),
        torch.randn(n, 3, generator=rng),
        torch.rand(n, generator=rng),
        torch.randint(7, (n,), generator=rng),
        torch.randint(1, 7, (n, 2), generator=rng),
        torch.rand(size=(n, 2), generator=rng),
        part / parts,
    ]


def test_the_noise_of_two_is_that_of_one() -> None:
    whole = draws(Ranks())
    for one, parts in zip(whole, zip(*map(draws, PAIR), strict=True), strict=True):
        assert torch.equal(one, torch.cat(parts))


def test_other_numbers_differ_by_process_but_a_single_one_is_common() -> None:
    found = []
    for ranks in PAIR:
        rng = ranks.generator(torch.device("cpu"), 3, 8)
        assert isinstance(rng, SharedGenerator)
        with shared_noise(rng):
            odd = torch.rand((3, 2), generator=rng), torch.randperm(40, generator=rng), torch.randn(2, 2)
            found.append((*odd, torch.randint(1000, (), generator=rng), torch.randn(4, generator=rng)))
    one, two = found
    assert not torch.equal(one[0], two[0])
    assert not torch.equal(one[1], two[1])
    assert torch.equal(one[3], two[3])
    assert not torch.equal(one[4], two[4])


def test_many_processes_draw_noise_of_their_own() -> None:
    first, last = (Ranks(k, 64).generator(torch.device("cpu"), 3, 640) for k in (0, 63))
    assert not torch.equal(torch.randn(10, generator=first), torch.randn(10, generator=last))


def test_one_process_keeps_its_gradients_and_its_loss() -> None:
    weight = nn.Parameter(torch.ones(3))
    weight.grad = torch.arange(3.0)
    assert float(Ranks().average([weight], torch.tensor(2.0), 5)) == 2.0
    assert weight.grad.tolist() == [0, 1, 2]
