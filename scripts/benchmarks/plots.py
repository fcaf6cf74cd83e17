"""Work-precision plots: error against ns per sample, one line a method. Loaded only when plots are asked for."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from .measure import front, pairs_of


def write(found: dict[str, Any], folder: Path) -> None:
    """Write one PNG for each system and each size of ensemble that was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    for system in found.get("trajectories", {}).get("systems", []):
        _draw(system["points"], f"{system['name']}, one trajectory", folder / f"trajectory_{system['name']}.png")
    for size in found.get("ensembles", {}).get("sizes", []):
        _draw(size["points"], f"lorenz63, {size['trajectories']} trajectories", folder / f"ensemble_{size['trajectories']}.png")


def _draw(points: list[dict[str, Any]], title: str, path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(9.0, 5.0), layout="constrained")
    peers = list(dict.fromkeys(p["peer"] for p in points))
    for peer, method in dict.fromkeys((p["peer"], p["method"]) for p in points):
        line = front(pairs_of(points, peer, method))
        if line:
            dashes = ("-", "--", ":", "-.")[list(dict.fromkeys(p["method"] for p in points if p["peer"] == peer)).index(method) % 4]
            errors, times = zip(*line, strict=True)
            axes.loglog(errors, times, dashes, marker="o", markersize=3, color=f"C{peers.index(peer)}", label=f"{peer} {method}")
    axes.invert_xaxis()
    axes.set(title=title, xlabel="largest error / standard deviation", ylabel="ns per sample")
    axes.grid(alpha=0.3)
    figure.legend(fontsize=7, loc="outside right upper")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
