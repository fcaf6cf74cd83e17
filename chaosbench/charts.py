"""Pictures of rankings as SVG text: no script, no font file, colours of the page (currentColor), and the same data give the same bytes."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_CHARACTER = 7.0  # width of one at 12 px, rounded up
_AXIS = 360.0  # length of an axis of ranks
_PLOT = (560.0, 320.0)  # of value against cost


def critical_difference_svg(data: Mapping[str, Any], title: str = "Mean ranks") -> str:
    """Return the critical-difference diagram of `mean_ranks.critical_difference` as one <svg> element.

    Rank 1, the best, is on the left. A bar under the axis joins forecasters that cannot be told apart; the bar above it is the critical difference.
    Screen readers get title and ranks as text (role "img").
    """
    ranks = [(row["forecaster"], row["mean_rank"]) for row in data["ranks"]]
    k, difference = len(ranks), data["critical_difference"] or 0.0
    unit = _AXIS / max(k - 1, 1)
    margin = 20 + _CHARACTER * max(len(f"{label} {rank:.2f}") for label, rank in ranks)
    right = max(margin, difference * unit - _AXIS + 20)
    place = {label: margin + (rank - 1) * unit for label, rank in ranks}
    bars = 52 + 9.0 * len(data["cliques"])
    parts = [_line(margin, 40, margin + _AXIS, 40)]
    if difference:
        parts += [_line(margin, 18, margin + difference * unit, 18, 3), _text(margin, 12, f"critical difference {difference:.2f}")]
    for tick in range(1, k + 1, 1 if k <= 12 else 5):
        x = margin + (tick - 1) * unit
        parts += [_line(x, 36, x, 40), _text(x, 33, str(tick), "middle")]
    for index, group in enumerate(data["cliques"]):
        parts.append(_line(place[group[0]] - 3, 50 + 9.0 * index, place[group[-1]] + 3, 50 + 9.0 * index, 4))
    for index, (label, rank) in enumerate(ranks):
        left = index < (k + 1) // 2
        y = bars + 16 + 18 * (index if left else k - 1 - index)
        end = margin - 6 if left else margin + _AXIS + 6
        parts.append(f'<path d="M{place[label]:.1f} 40V{y:.1f}H{end:.1f}" fill="none" stroke="currentColor" stroke-width="1"/>')
        parts.append(_text(end - 4 if left else end + 4, y + 4, f"{label} {rank:.2f}", "end" if left else "start"))
    groups = "; ".join(", ".join(group) for group in data["cliques"]) or "none"
    told = f"{', '.join(f'{label} {rank:.2f}' for label, rank in ranks)}. Groups that cannot be told apart: {groups}."
    return _svg(margin + _AXIS + right, bars + 22 + 18 * ((k + 1) // 2), f"{title}, {data['n_systems']} systems", told, parts)


def pareto_svg(rows: Sequence[Mapping[str, Any]], cost: str, value_name: str, cost_name: str) -> str:
    """Return value against cost, `rows` of `costs.pareto`, as one <svg> element: cost on a logarithmic axis, the front as filled points and a line.

    value_name, cost_name: what stands at the axes, with units. Forecasters of unknown cost are in the text for screen readers only. All points are
    named up to 16 of them, beyond that those on the front.
    """
    known = [row for row in rows if row[cost] is not None]
    positive = [row[cost] for row in known if row[cost] > 0]
    floor = min(positive, default=1.0) / (10 if len(positive) < len(known) else 1)
    first, last = _decades([max(row[cost], floor) for row in known])
    ticks = _ticks([row["value"] for row in known])
    width, height = _PLOT
    left, top = 60.0, 30.0

    def at(decade: float) -> float:
        return left + width * (decade - first) / (last - first)

    def x_of(spent: float) -> float:
        return at(math.log10(max(spent, floor)))

    def y_of(value: float) -> float:
        return top + height * (ticks[-1] - value) / (ticks[-1] - ticks[0])

    parts = [_line(left, top, left, top + height), _line(left, top + height, left + width, top + height), _text(8, 16, value_name)]
    for tick in ticks:
        parts += [_line(left - 4, y_of(tick), left, y_of(tick)), _text(left - 7, y_of(tick) + 4, f"{tick:g}", "end")]
    for decade in range(first, last + 1, max(1, (last - first) // 8)):
        x = at(decade)
        parts += [_line(x, top + height, x, top + height + 4), _text(x, top + height + 17, f"{10.0**decade:g}", "middle")]
    parts.append(_text(left + width / 2, top + height + 36, cost_name, "middle"))
    front = sorted((row for row in known if row["on_front"]), key=lambda row: (row[cost], row["forecaster"]))
    corners = " ".join(f"{x_of(row[cost]):.1f},{y_of(row['value']):.1f}" for row in front)
    parts += [f'<polyline points="{corners}" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="4 3"/>'] * (len(front) > 1)
    placed: list[tuple[float, float, float]] = []
    for row in known:
        x, y = x_of(row[cost]), y_of(row["value"])
        fill = "currentColor" if row["on_front"] else "none"
        hint = escape(f"{row['forecaster']}: {row['value']:.3g}, {row[cost]:.3g}")
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="currentColor"><title>{hint}</title></circle>')
        if row["on_front"] or len(known) <= 16:
            parts.append(_label(row["forecaster"], x + 7, y - 5, left + width, placed))
    unknown = [row["forecaster"] for row in rows if row[cost] is None]
    told = f"Not beaten in both: {', '.join(row['forecaster'] for row in front) or 'none'}."
    told += f" Cost not known: {', '.join(unknown)}." if unknown else ""
    margin = 20 + _CHARACTER * max((len(row["forecaster"]) for row in known), default=0)
    return _svg(left + width + margin, top + height + 46, f"{value_name} against {cost_name}", told, parts)


def _svg(width: float, height: float, title: str, told: str, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}. {escape(told)}"'
    body = "".join(parts)
    return f'{head} font-family="sans-serif" font-size="12"><title>{escape(title)}</title><desc>{escape(told)}</desc>{body}</svg>'


def _line(x1: float, y1: float, x2: float, y2: float, width: float = 1) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" fill="none" stroke="currentColor" stroke-width="{width:g}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(text)}</text>'


def _label(text: str, x: float, y: float, most: float, placed: list[tuple[float, float, float]]) -> str:
    """Return a name beside its point, moved down line by line until it covers none of the names `placed` before it."""
    length = _CHARACTER * len(text)
    while any(abs(y - other) < 12 and x < end and start < x + length for start, end, other in placed):
        y += 12
    placed.append((x, x + length, y))
    return _text(min(x, most + 7), y, text)


def _decades(costs: Sequence[float]) -> tuple[int, int]:
    first = math.floor(math.log10(min(costs, default=1.0)))
    return first, max(first + 1, math.ceil(math.log10(max(costs, default=10.0))))


def _ticks(values: Sequence[float]) -> list[float]:
    """Return three to seven round numbers, from at or below the smallest of `values` to at or above the largest."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    span = high - low if high > low else abs(high) or 1.0
    unit = 10.0 ** math.floor(math.log10(span / 3))
    step = next(unit * times for times in (1, 2, 5, 10) if span / (unit * times) <= 5)
    first = math.floor(low / step)
    last = max(first + 1, math.ceil(high / step))
    return [round(step * index, 12) for index in range(first, last + 1)]
