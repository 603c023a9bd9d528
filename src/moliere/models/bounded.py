"""Building a model within bounds: numbers in a recipe or in a file may ask for any number of blocks of any width."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

from moliere.errors import BundleError, ConfigError, MoliereError
from moliere.memory import machine_memory

#: what a model may make beside its weights, in numbers: tables that are computed and not kept
_BESIDE = 2**26
#: of each weight: the weight itself, its gradient and the two averages of Adam, in single precision
_BYTES_IN_TRAINING = 16
#: layers of a model that is built anew: many times those of any model that is published
_MOST_TENSORS = 100_000
_MAKERS = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.arange, torch.eye)


@contextmanager
def no_larger_than(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Stop a model that grows larger than its weights while it is built, before it fills the memory.

    Raises:
        BundleError: more parameters, or a larger tensor, than the weights can fill.
    """
    numbers = sum(tensor.numel() for tensor in weights.values()) + _BESIDE
    tensors = 4 * len(weights) + 1000  # some layers register a weight anew
    with _bounded(numbers, tensors, lambda asked: BundleError(f"its settings ask for {asked}, which it does not hold")):
        yield


@contextmanager
def trainable_here() -> Iterator[None]:
    """Stop a model that grows too large to be trained on this machine while it is built, before it fills the memory.

    Raises:
        ConfigError: more numbers than fit into the memory, or more tensors than any model has.
    """
    memory = machine_memory()

    def refuse(asked: str) -> MoliereError:
        return ConfigError(
            f"the settings of [model] ask for {asked}: more than can be trained in {memory / 2**30:.1f} GiB of memory; "
            "choose a smaller width, or fewer blocks, levels or channels"
        )

    with _bounded(memory // _BYTES_IN_TRAINING, _MOST_TENSORS, refuse):
        yield


@contextmanager
def _bounded(numbers: int, tensors: int, refuse: Callable[[str], MoliereError]) -> Iterator[None]:
    """Count the parameters that modules register, and look at the size of every tensor before it is made."""
    seen = [0, 0]

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        del module, name
        if parameter is None:
            return
        seen[0], seen[1] = seen[0] + 1, seen[1] + parameter.numel()
        if seen[0] > tensors:
            raise refuse(f"more than {tensors:,} tensors")
        if seen[1] > 2 * numbers:  # twice, as some layers register a weight anew
            raise refuse(f"more than {numbers:,} numbers")

    hook = register_module_parameter_registration_hook(count)
    try:
        with _Bound(numbers, refuse):
            yield
    finally:
        hook.remove()


class _Bound(TorchFunctionMode):
    """Refuses tensors of more numbers than that."""

    def __init__(self, most: int, refuse: Callable[[str], MoliereError]) -> None:
        super().__init__()
        self._most, self._refuse = most, refuse

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Look at the sizes before the memory is asked for."""
        del types
        if func in _MAKERS and _numbers(args) > self._most:
            raise self._refuse(f"a tensor of {_numbers(args):,} numbers")
        return func(*args, **(kwargs or {}))


def _numbers(args: Any) -> int:
    product = 1
    for size in args[0] if args and isinstance(args[0], tuple | list) else args:
        product *= size if isinstance(size, int) and size > 0 else 1
    return product
