"""Who is best, in words: by how much over the next, whether that gap is real, and who cannot be told from the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chaosbench.boards import Row
from chaosbench.ranking import Comparison, gap
from chaosbench.site.wording import number, title_of
from chaosbench.suites import metric_from

_NAMED = 6


@dataclass(frozen=True)
class Verdict:
    """best: a forecaster's label, empty without one. text: in words. level: those whose difference to the best could be chance."""

    best: str
    text: str
    level: tuple[str, ...]


def verdict(metric: str, ranked: Sequence[str], rows: Mapping[str, Row], shown: Mapping[str, Sequence[float]], where: str, words: str) -> Verdict:
    """Return the verdict over `ranked` forecasters, best first; references do not compete and are not among them.

    rows: their values and draws. shown: value, low, high of each. where: "lorenz63", "all 9 systems". words: the unit.
    """
    if not ranked:
        return Verdict("", "Only references here, no forecaster: run `chaosbench evaluate NAME`.", ())
    best, *others = ranked
    value, low, high = shown[best][:3]
    said = f"On {where}, {best} is best: {title_of(metric)} {number(value)} {words} (95 % interval {number(low)} to {number(high)})."
    if not others:
        return Verdict(best, said, ())
    found = {name: gap(metric, best, name, rows[best], rows[name]) for name in others}
    second = found[others[0]]
    level = tuple(name for name in others if not found[name].real)
    rest = level if second.real else level[1:]
    return Verdict(best, f"{said} {_gap(second, words)}{_level(rest)}", level)


def _gap(second: Comparison, words: str) -> str:
    ahead = second.difference if metric_from(second.metric).better == "higher" else -second.difference
    head = f"It leads {second.b} by {number(abs(second.difference))}"
    if ahead < 0:  # the best median is not the best in most pairs
        head = f"Paired system by system its difference to {second.b} is {number(second.difference)}"
    said = f"{head} {words} ({number(second.low)} to {number(second.high)}"
    return f"{said}): the gap is real." if second.real else f"{said}): that gap could be chance."


def _level(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" Nor can it be told apart from {', '.join(names[:_NAMED])}{more}."
