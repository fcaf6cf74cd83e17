"""Text and trees: printing and reading are inverse to each other."""

import numpy as np
import pytest

from chaosbench.expressions.parse import parse
from chaosbench.expressions.text import to_text
from chaosbench.expressions.tree import Binary, Call, Compare, Delay, Element, Name, Number, Sum, Unary


def random_tree(random, depth):
    """A random tree of the whole grammar (names need not be consistent)."""
    kind = random.integers(0, 4 if depth == 0 else 14)
    below = depth - 1
    if kind == 0:
        return Number(2.5, "2.5")
    if kind in (1, 2):
        return Name(str(random.choice(["x", "y", "a", "pi"])))
    if kind == 3:
        return Element("u", str(random.choice(["i", "j"])), int(random.integers(-2, 3)))
    if kind == 4:
        return Unary("neg", random_tree(random, below))
    if kind == 5:
        return Call("sin", (random_tree(random, below),))
    if kind == 6:
        condition = Compare("lt", random_tree(random, below), random_tree(random, below))
        return Call("where", (condition, random_tree(random, below), random_tree(random, below)))
    if kind == 7:
        return Sum(random_tree(random, below))
    if kind == 8:
        return Delay("x", random_tree(random, below))
    op = str(random.choice(["add", "sub", "mul", "div", "mod"] if kind < 13 else ["pow"]))
    exponent = Number(2.0, "2") if op == "pow" else random_tree(random, below)
    return Binary(op, random_tree(random, below), exponent)


def test_printed_trees_read_back_as_themselves():
    random = np.random.default_rng(0)
    for _ in range(500):
        tree = random_tree(random, 5)
        assert parse(to_text(tree), where="test") == tree


@pytest.mark.parametrize("text", ["a - (b - c)", "a/(b*c)", "(a*b)**2", "-x**2", "(-x)**2", "-(a*b)", "a**-b", "a - -b", "-a*b", "x[i+1] % (a + 1)"])
def test_no_bracket_is_printed_that_the_author_would_not_write(text):
    assert to_text(parse(text, where="test")) == text


@pytest.mark.parametrize(("text", "short"), [("((a)*(b))", "a*b"), ("(a + b) + c", "a + b + c"), ("(a/b)/c", "a/b/c"), ("a**(b**c)", "a**b**c")])
def test_superfluous_brackets_are_dropped(text, short):
    assert to_text(parse(text, where="test")) == short
