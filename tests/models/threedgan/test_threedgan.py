from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.detectors import Calorimeter, CartesianGrid, Layer, catalog
from moliere.errors import ConfigError, InvalidEvents, TrainingDiverged
from moliere.evaluation.observables import threedgan as observables
from moliere.models import Batch, BuildContext, Loss, ThreeDGan, ThreeDGanConfig
from moliere.models.threedgan.convolutions import (
    PackedConvolution,
    PairedConvolution,
    TapConvolution,
    UpsampledConvolution,
)
from moliere.models.threedgan.images import measure_angle
from moliere.models.threedgan.networks import ShowerDiscriminator, ShowerGenerator
from moliere.training import load_recipe
from moliere.training.optim import make_optimizer

SMALL: dict[str, Any] = {"generator_filters": (1,) * 7, "discriminator_filters": (1,) * 4}
DEPTH, SIDE = 25, 51


@pytest.fixture(scope="module")
def detector() -> Calorimeter:
    detector = catalog.get("3dgan")
    assert isinstance(detector, Calorimeter)
    return detector


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Showers of a few cells around the axis: 1.2 and 2.4 GeV of signal for 60 and 120 GeV."""
    rng = torch.Generator().manual_seed(0)
    energy = torch.tensor([6e4, 12e4, 6e4], dtype=torch.float64)
    blocks = torch.zeros(3, DEPTH, SIDE, SIDE)
    blocks[:, :, 23:28, 22:29] = torch.rand(3, DEPTH, 5, 7, generator=rng)
    signals = blocks.flatten(1)
    signals *= (0.02 * energy / signals.sum(1)).float()[:, None]
    return Batch(torch.stack([energy, torch.tensor([1.2, 1.5, 1.9], dtype=torch.float64)], dim=1), signals)


def build(detector: Calorimeter, columns: tuple[str, ...] = ("energy", "theta"), **settings: Any) -> ThreeDGan:
    torch.manual_seed(0)
    return ThreeDGan(ThreeDGanConfig(**(SMALL | settings)), BuildContext(detector, columns))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def loss(model: ThreeDGan, objective: str, batch: Batch, seed: int = 0) -> Loss:
    return {o.name: o for o in model.objectives()}[objective].loss(batch, rng(seed))


@torch.no_grad()
def say(model: ThreeDGan, logit: float, energy: float) -> None:
    """Make the discriminator say the same of all images."""
    for head, value in ((model.discriminator.generation, logit), (model.discriminator.auxiliary, energy)):
        head.weight.zero_()
        head.bias.fill_(value)


@torch.no_grad()
def paint(model: ThreeDGan, value: float) -> None:
    """Make the generator fill all cells of all images with one number."""
    last = [layer for layer in model.generator.layers if isinstance(layer, nn.Conv3d)][-1]
    last.weight.zero_()
    assert last.bias is not None
    last.bias.fill_(value)


# the networks are Keras's


@pytest.mark.parametrize(
    ("network", "mapped", "normed"), [(ShowerGenerator, 1_364_919, 128), (ShowerDiscriminator, 87_306, 96)]
)
def test_the_networks_have_the_published_numbers_of_weights(
    network: Callable[[], nn.Module], mapped: int, normed: int
) -> None:
    norms = [m for m in network().modules() if isinstance(m, nn.BatchNorm3d)]
    in_norms = sum(p.numel() for norm in norms for p in norm.parameters())
    assert sum(p.numel() for p in network().parameters()) == mapped + in_norms
    assert in_norms + sum(norm.running_mean.numel() + norm.running_var.numel() for norm in norms) == normed


def test_the_generator_upsamples_by_repeating() -> None:
    """The PyTorch ports interpolate, which is another network."""
    torch.manual_seed(0)
    layer = UpsampledConvolution(2, 3, (6, 6, 8), repeat=6)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    cells, plain = (torch.randn(2, 2, 9, 9, 8, generator=rng()).requires_grad_() for _ in range(2))
    made = layer(cells)
    expected = F.conv3d(F.interpolate(plain, scale_factor=6, mode="nearest"), layer.weight, layer.bias)
    assert made.shape == expected.shape == (2, 3, 49, 49, 41)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-3)
    towards = torch.randn(made.shape, generator=rng())
    ours = torch.autograd.grad(made, [cells, layer.weight, layer.bias], towards)
    theirs = torch.autograd.grad(expected, [plain, layer.weight, layer.bias], towards)
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3 * float(two.abs().max()))


@pytest.mark.parametrize("kernel", [(2, 3, 2), (3, 2, 3), (2, 2, 5), (3, 3, 6)])
@pytest.mark.parametrize("padding", [(0, 0, 0), (1, 2, 1)])
@pytest.mark.parametrize("depth", [8, 9])
@pytest.mark.parametrize("last", [0, 2])
def test_pairs_of_neighbours_are_the_same_convolution(
    kernel: tuple[int, int, int], padding: tuple[int, int, int], depth: int, last: int
) -> None:
    torch.manual_seed(0)
    paired = PairedConvolution(3, 4, kernel, padding=padding, last=last)
    check_same(paired, torch.randn(2, 3, 6, 7, depth, generator=rng()))


@pytest.mark.parametrize("last", [0, 2])
def test_taps_as_channels_are_the_same_convolution(last: int) -> None:
    torch.manual_seed(0)
    check_same(TapConvolution(1, 4, (5, 6, 6), last=last), torch.randn(2, 1, 8, 9, 10, generator=rng()))


def check_same(packed: PackedConvolution, x: Tensor) -> None:
    """The same values and the same gradients as a plain convolution's."""
    size = tuple(packed.weight.shape[2:])
    plain = nn.Conv3d(packed.in_channels, packed.out_channels, size, padding=packed.padding)  # type: ignore[arg-type]
    plain.load_state_dict(packed.state_dict())
    results = []
    for layer, last in ((packed, packed.last), (plain, 2)):
        own = x.clone().requires_grad_()
        made = layer(own.movedim(2 + last, 4)).movedim(4, 2 + last)
        made.backward(torch.cos(torch.arange(made.numel())).view(made.shape))
        results.append([made, own.grad, layer.weight.grad, layer.bias.grad])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_the_discriminator_pads_the_far_side_of_even_kernels(detector: Calorimeter) -> None:
    """Keras pads 2 before and 3 behind a kernel of 6; the itwinai port pads 3 and 3 and gets another size."""
    stage = build(detector).discriminator.stages[0]
    assert isinstance(stage, nn.Sequential)
    convolution = stage[0]
    assert isinstance(convolution, nn.Conv3d)
    with torch.no_grad():
        convolution.weight.zero_()
        convolution.weight[0, 0, 4, 5, 0] = 1
    seen: list[Tensor] = []
    stage.register_forward_hook(lambda *hooked: seen.append(hooked[2]))
    image = torch.zeros(1, 1, SIDE, SIDE, DEPTH)
    image[0, 0, 20, 30, 10] = 1
    model = build(detector)
    model.discriminator.stages[0] = stage
    model.discriminator(image, rng())
    after = seen[0].movedim(4, 2)  # inside, x is last
    assert after.shape == (1, 1, SIDE, SIDE, DEPTH)
    assert after.nonzero().tolist() == [[0, 0, 20 - 2, 30 - 3, 10 + 2]]


def test_layers_have_keras_settings() -> None:
    modules = [*ShowerGenerator().modules(), *ShowerDiscriminator().modules()]
    assert {m.negative_slope for m in modules if isinstance(m, nn.LeakyReLU)} == {0.3}
    assert {(m.momentum, m.eps) for m in modules if isinstance(m, nn.BatchNorm3d)} == {(0.01, 1e-6)}


def test_the_recipe_has_keras_optimiser_and_the_curriculum(detector: Calorimeter) -> None:
    recipe = load_recipe("3dgan")
    (group,) = make_optimizer(build(detector).objectives()[0], recipe.training).param_groups
    assert (group["alpha"], group["eps"]) == (0.9, 1e-7)
    assert [stage.within for stage in recipe.training.stages] == [{"energy": (100e3, 200e3)}, {}]


# the losses


def test_the_discriminators_loss_is_cross_entropy_of_the_logit_and_error_of_the_energy(
    detector: Calorimeter, batch: Batch
) -> None:
    """One sigmoid, not two; per cent of the true energy, not of the predicted one."""
    model = build(detector, bit_flips=0.0)
    say(model, logit=2.0, energy=0.9)
    terms = loss(model, "discriminator", batch).terms
    energy_error = 100 * (2 * abs(0.9 - 0.6) / 0.6 + abs(0.9 - 1.2) / 1.2) / 3
    assert terms["real"] == pytest.approx(3 * math.log1p(math.exp(-2)) + 0.1 * energy_error, rel=1e-5)
    assert terms["generated"] == pytest.approx(3 * math.log1p(math.exp(2)) + 0.1 * energy_error, rel=1e-5)


@pytest.mark.parametrize("columns", [("energy", "theta"), ("mtheta", "energy")])
def test_the_generators_loss_event_by_event(detector: Calorimeter, batch: Batch, columns: tuple[str, ...]) -> None:
    """Sum and measured angle of each event against its own; an image of equal cells has its angle at 90 degrees."""
    model = build(detector, columns, loss_weights=(3, 0.1, 25, 0.2))
    say(model, logit=-1.0, energy=0.9)
    paint(model, 0.002)
    condition = batch.condition if columns[0] == "energy" else batch.condition.flip(1)
    found = loss(model, "generator", Batch(condition, batch.signals))
    total = SIDE * SIDE * DEPTH * 0.002 ** (1 / 0.85)
    truth = np.array([60.0, 120.0, 60.0])  # 2 % of the energy in units of GeV / 50
    expected = {
        "label": math.log1p(math.exp(1)),
        "energy": 100 * (2 * 0.3 / 0.6 + 0.3 / 1.2) / 3,
        "angle": float(np.mean(np.abs(np.pi / 2 - observables.measured_angle(detector, batch.signals.numpy())))),
        "sum": float(np.mean(100 * np.abs(total - truth) / truth)),
    }
    assert found.terms == pytest.approx(expected, rel=1e-4)
    weighed = (3 * expected["label"], 0.1 * expected["energy"], 25 * expected["angle"], 0.2 * expected["sum"])
    assert found.total.item() == pytest.approx(sum(weighed), rel=1e-4)


def test_some_labels_are_wrong_on_purpose(detector: Calorimeter, batch: Batch) -> None:
    model = build(detector, bit_flips=0.3, loss_weights=(1, 0, 0, 0))
    say(model, logit=30.0, energy=0.0)
    real = [loss(model, "discriminator", batch, seed).terms["real"] / 10 for seed in range(20)]
    wrong = np.round(real)  # a wrong label costs 30, divided by three events
    assert np.abs(wrong - real).max() < 1e-3
    assert 8 <= wrong.sum() <= 28  # of 60, 18 ± 3.5 expected


def test_real_and_generated_images_are_batches_of_their_own(detector: Calorimeter, batch: Batch) -> None:
    """Batch normalisation sees each by itself, and the generator at work, with its averages, which stay as they are."""
    model = build(detector).train()
    loss(model, "discriminator", batch)
    counts = {name: int(buffer) for name, buffer in model.named_buffers() if name.endswith("num_batches_tracked")}
    assert {count for name, count in counts.items() if name.startswith("discriminator")} == {2}
    assert {count for name, count in counts.items() if name.startswith("generator")} == {0}
    assert model.generator.training


def test_the_generator_makes_two_updates(detector: Calorimeter) -> None:
    assert [(o.name, o.steps) for o in build(detector).objectives()] == [("discriminator", 1), ("generator", 2)]


def test_a_loss_depends_on_the_given_random_source_only(detector: Calorimeter, batch: Batch) -> None:
    found = []
    for seed in (1, 2):
        model = build(detector)
        torch.manual_seed(seed)
        found.append(loss(model, "discriminator", batch).total.item())
    assert found[0] == found[1]


def test_events_without_signal_are_not_trained_on(detector: Calorimeter, batch: Batch) -> None:
    weak = batch.signals.clone()
    weak[1] *= 199 / weak[1].sum()
    for objective in ("discriminator", "generator"):
        masked = loss(build(detector), objective, Batch(batch.condition, weak))
        rest = loss(build(detector), objective, batch[[0, 2]])
        assert masked.total.item() == pytest.approx(rest.total.item(), rel=1e-5)
    nothing = loss(build(detector), "generator", Batch(batch.condition, 0 * weak))
    assert nothing.total.item() == 0


# the way in and out


def test_networks_see_powers_of_signals_with_the_depth_last(detector: Calorimeter, batch: Batch) -> None:
    model = build(detector)
    seen: list[Tensor] = []
    model.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    loss(model, "discriminator", batch)
    block = detector.grid(batch.signals.numpy())  # (n, depth, x, y)
    expected = (np.moveaxis(block, 1, 3) / 20.0) ** 0.85
    np.testing.assert_allclose(seen[0][:, 0].numpy(), expected, rtol=1e-5)
    assert not np.allclose(expected, expected.swapaxes(1, 2))


def test_the_generator_gets_energy_angle_and_noise(detector: Calorimeter, batch: Batch) -> None:
    model = build(detector)
    seen: list[Tensor] = []
    model.generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    latent = model.draw_latent(batch.condition, rng())
    model.decode(latent, batch.condition)
    assert latent.shape == (3, 254)
    assert seen[0][:, 0].tolist() == pytest.approx([0.6, 1.2, 0.6])
    assert seen[0][:, 1].tolist() == pytest.approx([1.2, 1.5, 1.9])
    assert torch.equal(seen[0][:, 2:], latent)


@torch.no_grad()
def test_decode_undoes_units_and_power_and_cuts(detector: Calorimeter, batch: Batch) -> None:
    model = build(detector, threshold=0.05)
    seen: list[Tensor] = []
    model.generator.register_forward_hook(lambda *hooked: seen.append(hooked[2]))
    signals = model.sample(batch.condition, rng())
    block = np.moveaxis(seen[0][:, 0].numpy(), 3, 1).astype(float) ** (1 / 0.85) * 20.0
    np.testing.assert_allclose(detector.grid(signals.numpy()), np.where(block < 0.05, 0, block), rtol=1e-4)
    assert 0 < (block < 0.05).mean() < 1


@torch.no_grad()
def test_bfloat16_changes_little(detector: Calorimeter, batch: Batch) -> None:
    one, two = (build(detector, precision=p).sample(batch.condition, rng()) for p in ("float32", "bfloat16"))
    assert two.dtype == torch.float32
    assert not torch.equal(one, two)
    torch.testing.assert_close(one.sum(1), two.sum(1), rtol=0.03, atol=0)


# the angle


def test_a_straight_line_has_its_own_angle() -> None:
    image = torch.zeros(2, 9, 9, 5)
    for k in range(5):
        image[0, 4, 2 + k, k] = 1.0 + k  # one cell up for each layer: 45 degrees
        image[1, 4, 6 - k, k] = 2.0
    angles = measure_angle(image)
    # with z_k as weights, which are those of the layers' middles; the middle layer of the second says 90 degrees
    assert angles[0].item() == pytest.approx(math.pi / 4, abs=1e-5)
    assert angles[1].item() == pytest.approx((2.5 * math.pi / 2 + 10 * 3 * math.pi / 4) / 12.5, abs=1e-5)


def test_the_angle_is_the_observables(detector: Calorimeter) -> None:
    """Another implementation, with NumPy, that judges the generated events."""
    signals = torch.rand(6, DEPTH, SIDE, SIDE, generator=rng()) ** 20
    signals[:3, :7] = 0
    expected = observables.measured_angle(detector, signals.flatten(1).numpy())
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(measure_angle(signals.permute(0, 2, 3, 1)).numpy(), expected, atol=1e-4)


def test_images_without_energy_have_an_angle_of_100_and_no_gradient() -> None:
    images = torch.zeros(3, 7, 7, 5)
    images[1, 3, 3, 2] = 1.0
    images[2] = torch.rand(7, 7, 5, generator=rng())
    images.requires_grad_()
    angles = measure_angle(images)
    assert angles[:2].tolist() == pytest.approx([100.0, math.pi / 2])
    angles.sum().backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert not images.grad[0].any()
    assert images.grad[2].any()


def test_faint_layers_say_nothing_of_the_angle() -> None:
    image = torch.zeros(1, 9, 9, 3)
    image[0, 4, 4, :2] = 1.0
    image[0, 4, 8, 2] = 1e-7
    image.requires_grad_()
    angle = measure_angle(image)
    angle.sum().backward()
    assert angle.item() == pytest.approx(math.pi / 2, abs=1e-5)
    assert image.grad is not None
    assert image.grad.abs().max() < 10


# bad input


def test_empty_showers_end_the_training(detector: Calorimeter, batch: Batch) -> None:
    model = build(detector)
    paint(model, -1.0)
    with pytest.raises(TrainingDiverged, match="generator: all 3 showers of a batch are empty"):
        loss(model, "generator", batch)
    assert loss(model, "discriminator", batch).total.isfinite()
    assert loss(model.eval(), "generator", batch).total.isfinite()


def test_degrees_are_noticed(detector: Calorimeter, batch: Batch) -> None:
    degrees = batch.condition * torch.tensor([1, 180 / math.pi])
    with pytest.raises(InvalidEvents, match="theta of up to 109 must be in degrees"):
        build(detector).fit_transforms(Batch(degrees, batch.signals))


def test_signals_in_gev_are_noticed(detector: Calorimeter, batch: Batch) -> None:
    with pytest.raises(InvalidEvents, match="none of 3 events has more than 200 MeV"):
        build(detector).fit_transforms(Batch(batch.condition, batch.signals / 1000))
    build(detector).fit_transforms(batch)


@pytest.mark.parametrize(
    "columns", [("energy",), ("energy", "phi"), ("energy", "theta", "mtheta"), ("theta", "mtheta")]
)
def test_other_conditions_are_refused(detector: Calorimeter, columns: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="conditioned on an energy and an angle"):
        build(detector, columns)


def test_other_shapes_are_refused(polar: Calorimeter, cartesian: Calorimeter) -> None:
    edges = tuple(np.linspace(-1, 1, 52).tolist())
    shallow = Calorimeter("shallow", tuple(Layer(id=k, grid=CartesianGrid(edges, edges)) for k in range(24)))
    for detector, words in ((polar, "polar"), (cartesian, "2 layers, 3 x 2"), (shallow, "24 layers, 51 x 51")):
        with pytest.raises(ConfigError, match=f"other than 51×51×25: .*{words}"):
            build(detector)
