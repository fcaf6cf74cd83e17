"""Passing over consecutive numbers in vectors, and adding them up in an order that no processor changes.

A reduction of n terms keeps eight partial sums: term k is added to partial sum k mod 8, and at the end the eight are added as
((0+4) + (2+6)) + ((1+5) + (3+7)). Straight-line code follows the same order, so both give the same bits.
"""

from collections.abc import Callable, Sequence

from chaosbench.kernels.control import counted
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Index, Value, constant

WIDTH = 8

Body = Callable[[Index, int, Sequence[Value]], Sequence[Value]]


def sweep(w: Writer, length: int, body: Body, sums: int = 0) -> list[Value]:
    """Write `body(index, width, partial sums) -> new partial sums` over 0 .. length-1 and return the totals.

    Full vectors of eight go through a loop, the rest is one narrower vector.
    """
    full, rest = divmod(length, WIDTH)
    partial: Sequence[Value] = [constant(0.0, WIDTH)] * sums
    if full == 1:
        partial = body(Index(), WIDTH, partial)
    elif full:
        with counted(w, full * WIDTH, WIDTH, partial) as loop:
            after = body(loop.index, WIDTH, loop.carried)
            loop.close(after)
        partial = after if sums else []
    if rest:
        low = [w.shuffle(value, value, range(rest)) for value in partial]
        low = list(body(Index("", full * WIDTH), rest, low))
        partial = [_replace_low(w, value, new) for value, new in zip(partial, low, strict=True)]
    return [_total(w, value) for value in partial]


def fold(w: Writer, length: int, body: Body, start: Callable[[int], Sequence[Value]]) -> list[list[Value]]:
    """Write `body(index, width, carried) -> carried` over 0 .. length-1, from `start(width)`; return what full vectors and the rest leave."""
    full, rest = divmod(length, WIDTH)
    found = []
    if full == 1:
        found.append(list(body(Index(), WIDTH, start(WIDTH))))
    elif full:
        with counted(w, full * WIDTH, WIDTH, start(WIDTH)) as loop:
            loop.close(body(loop.index, WIDTH, loop.carried))
        found.append(list(loop.after))
    if rest:
        found.append(list(body(Index("", full * WIDTH), rest, start(rest))))
    return found


def _replace_low(w: Writer, value: Value, new: Value) -> Value:
    if new.width == 1:
        return w.insert(value, new, 0)
    wide = w.shuffle(new, new, [*range(new.width), *[-1] * (WIDTH - new.width)])
    return w.shuffle(wide, value, [*range(new.width), *range(WIDTH + new.width, 2 * WIDTH)])


def _total(w: Writer, value: Value) -> Value:
    while value.width > 1:
        half = value.width // 2
        value = w.add(w.shuffle(value, value, range(half)), w.shuffle(value, value, range(half, value.width)))
    return value


def sum_of_squares(w: Writer, terms: Sequence[Value]) -> Value:
    """The same reduction in straight-line code, of the squares of the terms (squares, so that leaving out zeros changes no bit)."""
    partial: list[Value | None] = [None] * WIDTH
    for k, term in enumerate(terms):
        before = partial[k % WIDTH]
        partial[k % WIDTH] = w.mul(term, term) if before is None else w.fma(term, term, before)
    half = WIDTH // 2
    while half:
        partial = [_add_present(w, a, b) for a, b in zip(partial[:half], partial[half:], strict=True)]
        half //= 2
    total = partial[0]
    return constant(0.0, terms[0].width) if total is None else total


def _add_present(w: Writer, a: Value | None, b: Value | None) -> Value | None:
    if a is None or b is None:
        return b if a is None else a
    return w.add(a, b)
