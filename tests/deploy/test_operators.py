"""What ONNX does not have, written in what it has, is the same function."""

from __future__ import annotations

import pytest
import torch

from moliere.deploy import operators

X = torch.cat([torch.linspace(-9, 9, 4001, dtype=torch.float64), torch.tensor([0.0, -0.0, 1e-300, 0.66, 1.0])])


def test_angles() -> None:
    y, x = (grid.flatten() for grid in torch.meshgrid(X[::50], X[::37], indexing="ij"))
    torch.testing.assert_close(operators.atan2(y, x), torch.atan2(y.abs() * (y < 0) * -1 + y * (y > 0), x + 0.0))
    torch.testing.assert_close(operators.atan(X), X.atan(), rtol=1e-15, atol=0)
    torch.testing.assert_close(operators.tan(X), X.tan(), rtol=1e-13, atol=1e-15)


def test_error_function_and_shares() -> None:
    torch.testing.assert_close(operators.erf(X), X.erf(), rtol=0, atol=1e-15)
    torch.testing.assert_close(operators.special_ndtr(X), torch.special.ndtr(X), rtol=1e-12, atol=1e-16)
    assert operators.erf(X.float()) is NotImplemented
    levels = X[X.abs() < 3].erf()
    torch.testing.assert_close(operators.erfinv(levels), levels.erfinv(), rtol=1e-10, atol=1e-15)
    shares = torch.special.ndtr(X.clamp(-8, 8))
    torch.testing.assert_close(operators.special_ndtri(shares), torch.special.ndtri(shares), rtol=1e-9, atol=1e-15)


def test_products_and_lengths() -> None:
    rows = X[:4000].view(-1, 5)
    torch.testing.assert_close(operators.cumprod(rows, 1), rows.cumprod(1), rtol=1e-15, atol=0)
    torch.testing.assert_close(operators.hypot(rows, 2 - rows), torch.hypot(rows, 2 - rows), rtol=1e-15, atol=0)


def test_rows_and_columns_by_their_places() -> None:
    table, places = X[:60].view(4, 5, 3), torch.tensor([[0, 3, 3], [1, 2, 0]])
    assert torch.equal(operators.index(table, [places]), table[places])
    assert torch.equal(operators.index(table, [None, places[0]]), table[:, places[0]])
    assert operators.index(table, [places, places]) is NotImplemented
    assert operators.index(table, [table > 0]) is NotImplemented


def test_convolutions_with_and_without_a_bias() -> None:
    image, kernel, bias = X[:96].view(2, 3, 4, 2, 2), X[100:136].view(3, 3, 2, 2, 1), X[:3]
    for given in (bias, None):
        found = operators.conv3d(image, kernel, given, padding=[1, 0, 0])
        torch.testing.assert_close(found, torch.nn.functional.conv3d(image, kernel, given, padding=(1, 0, 0)))


@pytest.mark.parametrize("right", [True, False])
def test_places_among_knots(right: bool) -> None:
    knots = torch.tensor([-3.0, 0.0, 0.0, 1.0, 7.5], dtype=torch.float64)
    values = torch.cat([X, knots]).view(-1, 1)
    expected = torch.searchsorted(knots, values, right=right)
    assert torch.equal(operators.searchsorted(knots, values, right=right), expected)


def test_every_operator_has_the_name_of_what_it_replaces() -> None:
    for operator, function in operators.SUBSTITUTES.items():
        assert operator.name().partition("::")[2].partition(".")[0] == function.__name__
