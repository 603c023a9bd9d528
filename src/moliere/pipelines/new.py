"""A detector of one's own, and the pipeline that makes a fast simulation of it: two commented files to begin with."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from moliere.errors import ConfigError
from moliere.files import check_free, replacing
from moliere.pipelines.reading import ENDING

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def write_new(path: Path, *, overwrite: bool = False) -> tuple[Path, Path]:
    """Write a detector and its pipeline.

    Args:
        path: of the detector's file; the pipeline lies beside it.
        overwrite: replace them.

    Returns:
        Both files.

    Raises:
        ConfigError: the file has no name that steps and bundles can have.
        OutputExists: one of them exists and ``overwrite`` is not set.
    """
    if path.suffix != ".toml" or not _NAME.fullmatch(path.stem):
        raise ConfigError(
            f"{path.name!r} cannot be the name of a detector's file; expected letters, digits, - and _, and the ending "
            ".toml, such as my-detector.toml"
        )
    texts = {path: "detector", path.with_name(f"{path.stem}{ENDING}.toml"): "pipeline"}
    for file in texts:
        check_free(file, overwrite=overwrite)
    for file, template in texts.items():
        with replacing(file, overwrite=overwrite) as partial:
            partial.write_text(_template(template).replace("NAME", path.stem), encoding="utf-8")
    detector, pipeline = texts
    return detector, pipeline


def _template(name: str) -> str:
    return (resources.files("moliere.pipelines") / "templates" / f"{name}.toml").read_text(encoding="utf-8")
