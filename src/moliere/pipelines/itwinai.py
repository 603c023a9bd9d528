"""A step of moliere as a component of itwinai, so that a pipeline of interTwin's digital twins calls it.

::

    training_pipeline:
      _target_: itwinai.pipeline.Pipeline
      steps:
        train:
          _target_: moliere.pipelines.itwinai.MoliereStep
          command: [train, photons, showers.h5, -o, runs/photons]
          output: runs/photons/photons.bundle
        generate:
          _target_: moliere.pipelines.itwinai.MoliereStep
          command: [generate, "{0}", -n, "10000", --energy, "1GeV:50GeV", -o, fast.h5]
          output: fast.h5

References:
    itwinai, M. Bunino, https://github.com/interTwin-eu/itwinai: ``BaseComponent`` and ``Serializable``
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from moliere.errors import StepFailed

if TYPE_CHECKING:
    _Component = object
else:
    try:
        from itwinai.components import BaseComponent as _Component
    except ImportError:  # the same interface without it: a name, the constructor's arguments, execute
        _Component = object


class MoliereStep(_Component):
    """A command line of moliere.

    Args:
        command: its words; ``{0}`` stands for the first thing that the component before returned.
        output: what the next component is given; without it what this one was given.
        name: of the step; the verb by default.
    """

    def __init__(self, command: Sequence[str], output: str | None = None, name: str | None = None) -> None:
        # what itwinai writes to its own files of pipelines
        self.parameters: dict[str, Any] = {"command": list(command), "output": output, "name": name}
        self.command, self.output = [str(word) for word in command], output
        self.name = name or self.command[0]

    def execute(self, *inputs: Any) -> Any:
        """Run it in a process of its own.

        Raises:
            StepFailed: it ended with an error, which it has said.
        """
        words = [word.format(*inputs) if "{" in word else word for word in self.command]
        code = subprocess.run([sys.executable, "-m", "moliere.cli", *words], check=False).returncode
        if code:
            raise StepFailed(f"moliere {' '.join(words)} ended with exit code {code}; what it said stands above")
        if self.output is not None:
            return self.output
        return inputs[0] if len(inputs) == 1 else inputs

    def cleanup(self) -> None:
        """Nothing is left to clean up."""
