"""The 24 calorimeter layers of ATLAS: their names by number, and what part of the detector each is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

#: the position of a name is the layer's number
ATLAS_LAYERS = (
    *("PreSamplerB", "EMB1", "EMB2", "EMB3", "PreSamplerE", "EME1", "EME2", "EME3"),
    *("HEC0", "HEC1", "HEC2", "HEC3", "TileBar0", "TileBar1", "TileBar2", "TileGap1", "TileGap2", "TileGap3"),
    *("TileExt0", "TileExt1", "TileExt2", "FCal0", "FCal1", "FCal2"),
)
#: what names without their last digit stand for
_PARTS = {
    "PreSamplerB": "presampler in front of the electromagnetic barrel, liquid argon",
    "EMB": "electromagnetic barrel, lead and liquid argon",
    "PreSamplerE": "presampler in front of the electromagnetic end-cap, liquid argon",
    "EME": "electromagnetic end-cap, lead and liquid argon",
    "HEC": "hadronic end-cap, copper and liquid argon",
    "TileBar": "hadronic barrel, steel and scintillating tiles",
    "TileGap": "scintillators in the gap between barrel and extended barrel",
    "TileExt": "hadronic extended barrel, steel and scintillating tiles",
    "FCal": "forward calorimeter, copper or tungsten and liquid argon",
}


def describe_parts(names: Iterable[str]) -> list[str]:
    """One line for each part of ATLAS that has some of these layers; other names are left out.

    Example:
        >>> describe_parts(["PreSamplerB", "EMB1", "EMB2", "EMB3", "layer 7", "TileBar0"])[1:]
        ['1–3 EMB1–EMB3: electromagnetic barrel, lead and liquid argon', '12 TileBar0: hadronic barrel, steel and \
scintillating tiles']
    """
    numbers = sorted(ATLAS_LAYERS.index(name) for name in names if name in ATLAS_LAYERS)
    lines = []
    for part, words in _PARTS.items():
        own = [number for number in numbers if ATLAS_LAYERS[number].rstrip("0123456789") == part]
        if own:
            lines.append(f"{_join(own, str)} {_join(own, ATLAS_LAYERS.__getitem__)}: {words}")
    return lines


def _join(numbers: Sequence[int], name: Callable[[int], str]) -> str:
    """The first and the last where none between them is missing, else all."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) > 1 and last - first == len(numbers) - 1:
        return f"{name(first)}–{name(last)}"
    return ", ".join(map(name, numbers))
