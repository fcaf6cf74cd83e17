"""Small pictures as SVG text: a forecast against the truth, a learned attractor beside the true one. Colours are the page's, by class."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

_WIDTH, _HEIGHT, _FOOT = 300.0, 96.0, 16.0
_LINE_POINTS = 240
_SQUARE = 200.0
_DOTS = 700


def forecast_svg(windows: Mapping[str, np.ndarray], end: float, valid: float | None, unit: str) -> str:
    """Return the first window's first component, truth and forecast, up to `end` in `unit`, as one <svg>.

    valid: valid prediction time of that window, marked; None where there is none. A forecast that failed ends where it failed.
    """
    time = windows["picture_time"]
    inside = np.flatnonzero(time <= end * (1 + 1e-9))
    keep = inside[np.unique(np.linspace(0, len(inside) - 1, _LINE_POINTS).astype(int))]
    truth, forecast = (windows[f"picture_{name}"][keep] for name in ("truth", "forecast"))
    middle, span = (truth.max() + truth.min()) / 2, max(float(np.ptp(truth)) * 0.7, 1e-9)
    x = _WIDTH * time[keep] / end
    tops = [np.clip(_HEIGHT / 2 - (series - middle) / span * _HEIGHT / 2, 1, _HEIGHT - 1) for series in (truth, forecast)]
    mark = "" if valid is None else f'<path class="valid" d="M{min(valid / end, 1) * _WIDTH:.1f} 0V{_HEIGHT:.0f}"/>'
    told = f"forecast against truth up to {end:.3g} {unit}s" + ("" if valid is None else f"; valid for {valid:.3g}")
    return (
        f'<svg class="forecast" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT + _FOOT:.0f}" role="img" aria-label="{escape(told)}">'
        f'<path class="axis" d="M0 {_HEIGHT:.0f}H{_WIDTH:.0f}"/><path class="truth" d="{_path(x, tops[0])}"/>'
        f'<path class="model" d="{_path(x, tops[1])}"/>{mark}'
        f'<text x="0" y="{_HEIGHT + 13:.0f}">0</text>'
        f'<text x="{_WIDTH:.0f}" y="{_HEIGHT + 13:.0f}" text-anchor="end">{end:.3g} {escape(unit)}s</text></svg>'
    )


def attractor_svg(windows: Mapping[str, np.ndarray], which: str, told: str) -> str:
    """Return one attractor in a plane as dots: which is "climate" (the truth) or "run" (the model's), on the truth's scale, as one <svg>."""
    truth, points = (np.asarray(windows[f"picture_{name}"], dtype=float) for name in ("climate", which))
    low, high = truth.min(axis=0), truth.max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    finite = points[np.isfinite(points).all(axis=1)]
    kept = finite[np.unique(np.linspace(0, len(finite) - 1, _DOTS).astype(int))] if len(finite) else finite
    places = 0.1 + 0.8 * (kept - low) / size
    inside = places[((places >= 0) & (places <= 1)).all(axis=1)]
    whole = np.rint(inside * _SQUARE).astype(int)
    whole[:, 1] = int(_SQUARE) - whole[:, 1]
    dots = "".join(f"M{x} {y}h0" for x, y in whole)
    return (
        f'<svg class="attractor" viewBox="0 0 {_SQUARE:.0f} {_SQUARE:.0f}" role="img" aria-label="{escape(told)}">'
        f'<path class="{"truth" if which == "climate" else "model"}" d="{dots}"/></svg>'
    )


def end_of(time: np.ndarray, valid: float | None) -> float:
    """Return up to when a forecast is drawn: twice as long as it was valid, at least a tenth of the window or ten samples, at most all of it."""
    last = float(time[-1])
    least = max(last / 10, float(time[min(len(time) - 1, 9)]))
    return last if valid is None else float(np.clip(2 * valid, least, last))


def valid_time(windows: Mapping[str, np.ndarray], headline: Mapping[str, Any]) -> float | None:
    """Return the first window's score where the headline is a time (scored on windows, higher is better), else None."""
    if headline["needs"] != "windows" or headline["better"] != "higher" or headline["label"] not in windows:
        return None
    return float(windows[headline["label"]][0])


def _path(x: np.ndarray, y: np.ndarray) -> str:
    """Return a line through the points, broken where one is missing, in tenths relative to the last."""
    parts: list[str] = []
    last: tuple[float, float] | None = None
    for across, down in zip(np.round(x, 1).tolist(), np.round(y, 1).tolist(), strict=True):
        if down != down:
            last = None
        elif last is None:
            parts.append(f"M{across:g} {down:g}")
            last = (across, down)
        else:
            parts.append(f"l{round(across - last[0], 1):g} {round(down - last[1], 1):g}")
            last = (across, down)
    return "".join(parts)
