"""Rounding of settings that are found numerically."""


def two_digits(value: float) -> float:
    """Return `value` rounded to two digits: a setting that decides an orbit must be the same to the last bit on every machine."""
    return float(f"{value:.1e}")
