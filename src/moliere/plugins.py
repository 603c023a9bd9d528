"""Others' models, formats, detectors and findings: modules that an installed package names in ``moliere.plugins``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

#: the group of entry points; each names a module that registers what it has when it is imported
GROUP = "moliere.plugins"


@cache
def load_plugins() -> tuple[str, ...]:
    """Import all plugins, once; one that fails is skipped.

    Returns:
        One sentence for each plugin that was skipped.
    """
    skipped = []
    for plugin in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        try:
            plugin.load()
        except Exception as error:  # whoever wrote the plugin may have raised anything
            skipped.append(
                f"plugin {plugin.name!r} ({plugin.value}) is skipped, because importing it failed: "
                f"{type(error).__name__}: {error}"
            )
    return tuple(skipped)
