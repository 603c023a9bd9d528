"""Known answers: what is missing, copied, wrong at one energy or out of order is found, and equal samples are equal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from moliere.evaluation.distances import combine_p_values, mann_whitney, root_chi2
from moliere.evaluation.findings.conditional import conditional_rows
from moliere.evaluation.findings.equivalent import equivalent_size
from moliere.evaluation.findings.giveaways import Reweighting, give_aways, reweighting
from moliere.evaluation.findings.memorisation import memorisation
from moliere.evaluation.findings.overlap import coverage, standardise
from moliere.evaluation.findings.tails import tails


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_roots_chi_square_is_that_of_a_contingency_table() -> None:
    """Without weights it is Pearson's test of homogeneity, which SciPy has too."""
    first, second = rng(0).poisson(20, 12), rng(1).poisson(31, 12)
    chi2, degrees, p = root_chi2(first.astype(float), second.astype(float))
    expected = stats.chi2_contingency([first, second], correction=False)
    assert (chi2, degrees, p) == pytest.approx((expected.statistic, expected.dof, expected.pvalue))


def test_p_values_of_equal_samples_are_uniform() -> None:
    """200 repeats; each test by itself, and all observables of a sample together though they depend on each other."""
    found: dict[str, list[float]] = {"mann-whitney": [], "chi2": [], "together": []}
    edges = np.linspace(-3, 3, 13)
    for k in range(200):
        one, other = rng(k).normal(size=(400, 4)), rng(1000 + k).normal(size=(400, 4))
        one, other = (x @ np.array([[1, 0.8, 0, 0], [0, 0.6, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) for x in (one, other))
        found["mann-whitney"].append(mann_whitney(one[:, 0], other[:, 0]))
        counts = (np.histogram(x[:, 0], edges)[0].astype(float) for x in (one, other))
        found["chi2"].append(root_chi2(*counts)[2])
        found["together"].append(
            combine_p_values([stats.ks_2samp(a, b).pvalue for a, b in zip(one.T, other.T, strict=True)])
        )
    for name in ("mann-whitney", "chi2"):
        assert stats.kstest(found[name], "uniform").pvalue > 1e-3, name
    # the combination is exact where it matters: a small p-value comes as often as it says
    for level in (0.05, 0.1):
        assert stats.binomtest(int((np.array(found["together"]) < level).sum()), 200, level).pvalue > 1e-3


def test_a_missing_tail_of_half_a_percent_is_found() -> None:
    reference, generated = rng(0).normal(size=20_000), rng(1).normal(size=20_000)
    cut = {"x": generated[generated < np.quantile(reference, 0.995)]}
    worst = min(tails({"x": reference}, cut), key=lambda tail: tail.p_value)
    assert (worst.upper, worst.share) == (True, 0.005)
    assert worst.generated_fraction == 0
    assert worst.p_value < 1e-10
    assert min(tail.p_value for tail in tails({"x": reference}, {"x": generated})) > 1e-3


def test_a_wrong_response_at_one_energy_only_is_found_there() -> None:
    energy = np.repeat([1.0, 2.0, 4.0], 1500)
    one = {"response": rng(0).normal(1, 0.1, 4500), "width": rng(1).normal(5, 1, 4500)}
    other = {"response": rng(2).normal(1, 0.1, 4500), "width": rng(3).normal(5, 1, 4500)}
    other["response"][energy == 2] *= 1.03
    rows = list(conditional_rows(one, other, (energy, energy), [(e * 0.9, e * 1.1) for e in (1.0, 2.0, 4.0)]))
    assert [row.p_value < 1e-6 for row in rows] == [False, True, False]
    assert rows[1].worst == "response"
    assert rows[1].n_reference == 1500


def test_right_histograms_with_wrong_correlations_are_given_away() -> None:
    """One feature is shuffled among the events: every one-dimensional histogram stays what it was."""
    names = ["a", "b", "c", "d"]
    mix = np.array([[1, 0.9, 0, 0], [0, 0.4, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    one, other = (rng(seed).normal(size=(4000, 4)).astype(np.float32) @ mix for seed in (0, 1))
    shuffled = other.copy()
    shuffled[:, 1] = rng(2).permutation(shuffled[:, 1])
    assert stats.ks_2samp(one[:, 1], shuffled[:, 1]).pvalue > 1e-3
    found, _ = give_aways(one, shuffled, names)
    assert {entry.observable for entry in found[:2]} == {"a", "b"}
    assert found[0].auc_drop > 0.2
    same, _ = give_aways(one, other, names)
    assert all(entry.auc_drop < 0.05 for entry in same)


def test_a_classifiers_weights_mend_a_shift_that_it_understands() -> None:
    one, other = rng(0).normal(0, 1, (6000, 2)).astype(np.float32), rng(1).normal(0, 1, (6000, 2)).astype(np.float32)
    other[:, 0] += 0.7
    found, weights = give_aways(one, other, ["shifted", "right"])
    assert found[0].observable == "shifted"
    outcome = reweighting("shifted", one[:, 0].astype(float), other[:, 0].astype(float), weights)
    assert outcome.before == pytest.approx(0.7, abs=0.06)
    assert abs(outcome.after) < 0.45 * outcome.before
    assert 0.2 < outcome.effective < 0.9
    assert 0.3 < np.isfinite(weights).mean() < 0.37  # the held-out third has weights


@pytest.mark.parametrize("truth", [200, 1000])
def test_a_sample_is_worth_as_many_events_as_its_mistake_allows(truth: int) -> None:
    """A shift by what is the usual distance of ``truth`` events makes a sample worth about that many."""
    reference = [rng(k).normal(size=12_000) for k in range(8)]
    # the mean KS distance of k events to a long sample is 0.8687 / sqrt(k); that of a shift d is d / sqrt(2 pi)
    shift = 0.8687 / truth**0.5 * np.sqrt(2 * np.pi)
    generated = [rng(100 + k).normal(shift, 1, 12_000) for k in range(8)]
    found = equivalent_size(reference, generated)
    assert found is not None
    assert 0.6 * truth < found.value < 1.5 * truth
    assert found.low <= found.value <= found.high
    assert not found.reached


def test_an_equal_sample_is_worth_all_its_events() -> None:
    reference, generated = ([rng(seed + k).normal(size=4000) for k in range(8)] for seed in (0, 50))
    found = equivalent_size(reference, generated)
    assert found is not None
    assert found.reached
    assert found.limit == 2000
    assert equivalent_size([x[:300] for x in reference], generated) is None


def test_copies_of_training_events_are_found() -> None:
    """5 % of the events are copied; without copies the nearest neighbour is as often a test event."""
    training, test, generated = (rng(seed).normal(size=(4000, 6)) for seed in range(3))
    honest = memorisation(training, test, generated)
    assert abs(honest.nearer_to_training - 0.5) < 3 * honest.error
    assert honest.copies == 0
    generated[:200] = training[rng(9).permutation(4000)[:200]]
    caught = memorisation(training, test, generated)
    assert caught.copies == pytest.approx(0.05)
    assert caught.nearer_to_training > 0.5 + 2 * caught.error


def test_precision_and_coverage_of_equal_shifted_and_collapsed_samples() -> None:
    one, other = rng(0).normal(size=(1500, 2)), rng(1).normal(size=(1500, 2))
    same = coverage(one, other)
    assert same.density == pytest.approx(1, abs=0.1)
    assert same.coverage > 0.95
    far = coverage(one, other + 100)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)
    collapsed = coverage(one, np.tile(one[:3], (500, 1)) + rng(2).normal(0, 1e-3, (1500, 2)))
    assert collapsed.precision > 0.95
    assert collapsed.recall < 0.05


def test_standardising_leaves_out_what_does_not_vary() -> None:
    reference = np.column_stack([rng(0).normal(3, 2, 500), np.full(500, 7.0)])
    (scaled,) = standardise(reference)
    assert scaled.shape == (500, 1)
    assert (scaled.mean(), scaled.std()) == pytest.approx((0, 1), abs=1e-9)


def test_a_reweighting_that_few_events_carry_proves_nothing() -> None:
    mended = Reweighting("log_layer_energy[1]", -0.09, -0.363, 0.04, 600, "log energy in EMB1")
    assert "log energy in EMB1 is off by -0.363 σ instead of -0.09 σ" in mended.words
    assert mended.words.endswith("(effective size 4 %, about 24 events): this proves nothing.")
    assert "proves nothing" not in Reweighting("x", -0.3, 0.01, 0.5, 4000).words
