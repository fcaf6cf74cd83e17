"""Loops and branches of LLVM assembly."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.values import Index, Value


class Loop:
    """A loop being written; `carried` are the values that pass from one round to the next, by their names in the body.

    `close` names what they are after a round, and for `repeat` whether there is another one.
    """

    def __init__(self, index: Index, carried: Sequence[Value]) -> None:
        self.index = index
        self.carried = list(carried)
        self.after: Sequence[Value] = ()
        self.condition = Value("false", 1, "i1")

    def close(self, after: Sequence[Value], condition: Value | None = None) -> None:
        """Name the values that the carried ones take after a round."""
        self.after = after
        self.condition = condition or self.condition


def _phis(w: Writer, loop: Loop, start: Sequence[Value], before: str) -> list[str]:
    lines = []
    for phi, first, new in zip(loop.carried, start, loop.after, strict=True):
        lines.append(f"  {phi.text} = phi {phi.type} [ {first.text}, %{before} ], [ {new.text}, %{w.block} ]")
    return lines


@contextmanager
def counted(w: Writer, stop: int, step: int, carried: Sequence[Value] = ()) -> Iterator[Loop]:
    """Write a loop for index = 0, step, ... < stop, at least one round."""
    index, before = w.fresh("i"), w.block
    following, head, leave = f"{index}.next", w.fresh("head")[1:], w.fresh("leave")[1:]
    w.lines += [f"  br label %{head}", f"{head}:"]
    w.block, position = head, len(w.lines)
    loop = Loop(Index(index), [Value(w.fresh(), value.width, value.element) for value in carried])
    yield loop
    phi = f"  {index} = phi i64 [ 0, %{before} ], [ {following}, %{w.block} ]"
    w.lines[position:position] = [phi, *_phis(w, loop, carried, before)]
    w.lines.append(f"  {following} = add nuw nsw i64 {index}, {step}")
    more = w.put(f"icmp ult i64 {following}, {stop}")
    w.lines += [f"  br i1 {more}, label %{head}, label %{leave}", f"{leave}:"]
    w.block = leave


@contextmanager
def repeat(w: Writer, carried: Sequence[Value]) -> Iterator[Loop]:
    """Write a loop of at least one round that goes on while the condition given to `close` holds; `loop.after` are the final values."""
    before, head, leave = w.block, w.fresh("head")[1:], w.fresh("leave")[1:]
    w.lines += [f"  br label %{head}", f"{head}:"]
    w.block, position = head, len(w.lines)
    loop = Loop(Index(), [Value(w.fresh(), value.width, value.element) for value in carried])
    yield loop
    w.lines[position:position] = _phis(w, loop, carried, before)
    w.lines += [f"  br {loop.condition.typed}, label %{head}, label %{leave}", f"{leave}:"]
    w.block = leave


@contextmanager
def when(w: Writer, condition: Value) -> Iterator[None]:
    """Write code that runs only if the condition (one lane) holds; it may store, its values are not seen outside."""
    then, leave = w.fresh("then")[1:], w.fresh("leave")[1:]
    w.lines += [f"  br {condition.typed}, label %{then}, label %{leave}", f"{then}:"]
    w.block = then
    yield
    w.lines += [f"  br label %{leave}", f"{leave}:"]
    w.block = leave


@contextmanager
def detour(w: Writer, condition: Value, values: list[Value]) -> Iterator[None]:
    """Write a block that runs only if the condition (one lane) holds; what it puts into `values` is valid after it."""
    away, back, before, kept = w.fresh("away")[1:], w.fresh("back")[1:], w.block, list(values)
    w.lines += [f"  br {condition.typed}, label %{away}, label %{back}", f"{away}:"]
    w.block = away
    yield
    last = w.block  # not `away`, if there was a detour within
    w.lines += [f"  br label %{back}", f"{back}:"]
    for k, (old, new) in enumerate(zip(kept, values, strict=True)):
        values[k] = old._replace(text=w.put(f"phi {old.type} [ {old.text}, %{before} ], [ {new.text}, %{last} ]"))
    w.block = back
