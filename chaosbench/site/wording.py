"""Numbers, titles and file names as the pages show them."""

import re

import numpy as np

from chaosbench.identity import sha256_of


def number(value: float | None) -> str:
    """Return three significant digits, without an exponent from 100 to a million; a dash for what is not there."""
    if value is None or not np.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if 100 <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.3g}"


def seconds(value: float | None) -> str:
    """Return a time in seconds; what is shorter than a hundredth is said to be."""
    return "< 0.01" if value is not None and value < 0.01 else number(value)


def measured(value: float, error: float) -> str:
    """Return "0.9063 ± 0.0023": two digits of the error, and the value to the same place; without an error six digits."""
    if not (np.isfinite(error) and error > 0):
        return f"{value:.6g}"
    places = 1 - int(np.floor(np.log10(error)))
    if places > 8:
        return f"{value:.2g} ± {error:.2g}"
    return f"{value:.{max(places, 0)}f} ± {error:.{max(places, 0)}f}"


def plain(value: float) -> float | None:
    """Return six significant digits as JSON data, None where there is no number."""
    return None if not np.isfinite(value) else float(f"{value:.6g}")


def title_of(label: str) -> str:
    """Return a metric's label in words."""
    name, _, argument = label.partition("@")
    return name.replace("_", " ") + (f" at {argument}" if argument else "")


def slug_of(name: str) -> str:
    """Return a file name for `name`: itself where that is safe, otherwise its safe letters and a short hash, so that no two names share one."""
    safe = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:60]
    return safe if safe == name else f"{safe or 'x'}-{sha256_of(name)[:8]}"


def counted(n: int, noun: str) -> str:
    """Return "1 system", "2 systems"."""
    return f"{n} {noun}{'' if n == 1 else 's'}"
