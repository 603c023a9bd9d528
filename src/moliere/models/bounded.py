"""Building a model that is no larger than its weights: the numbers in a file may ask for any number of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

from moliere.errors import BundleError

#: what a model may make beside its weights, in numbers: tables that are computed and not kept
_BESIDE = 2**26
_MAKERS = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.arange, torch.eye)


@contextmanager
def no_larger_than(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Stop a model that grows larger than its weights while it is built, before it fills the memory.

    Raises:
        BundleError: more parameters, or a larger tensor, than the weights can fill.
    """
    most = 4 * len(weights) + 1000  # some layers register a weight anew
    counted = iter(range(most))

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        del module, name
        if parameter is not None and next(counted, None) is None:
            raise BundleError(f"its settings ask for more tensors than the {len(weights):,} that it holds")

    hook = register_module_parameter_registration_hook(count)
    try:
        with _Bound(sum(tensor.numel() for tensor in weights.values()) + _BESIDE):
            yield
    finally:
        hook.remove()


class _Bound(TorchFunctionMode):
    """Refuses tensors of more numbers than that."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Look at the sizes before the memory is asked for."""
        del types
        if func in _MAKERS and _numbers(args) > self._most:
            raise BundleError(f"its settings ask for a tensor of {_numbers(args):,} numbers, which it does not hold")
        return func(*args, **(kwargs or {}))


def _numbers(args: Any) -> int:
    product = 1
    for size in args[0] if args and isinstance(args[0], tuple | list) else args:
        product *= size if isinstance(size, int) and size > 0 else 1
    return product
