"""Who to cite for a name."""

import chaosbench
from chaosbench.catalogue import PLUGIN_KINDS, load, names, system_files
from chaosbench.dynamics.reader import system
from chaosbench.errors import CatalogueError, nearest


def citations(name: str | None) -> list[dict[str, str]]:
    """Return [{"key", "cite", "doi"}] for a system or plug-in; None gives the entry of this package."""
    if name is None:
        text = f"The chaosbench authors, chaosbench {chaosbench.__version__} (software)"
        return [{"key": "chaosbench", "cite": text, "doi": ""}]
    if name in system_files() or name.endswith(".toml"):
        return [{"key": source.key, "cite": source.cite, "doi": source.doi} for source in system(name).sources]
    for kind in PLUGIN_KINDS:
        if name in names(kind):
            return [{"key": name, "cite": load(kind, name).source, "doi": ""}]
    everything = [*system_files(), *(entry for kind in PLUGIN_KINDS for entry in names(kind))]
    raise CatalogueError(f"cite {name}: no system or plug-in of that name{nearest(name, everything)}")
