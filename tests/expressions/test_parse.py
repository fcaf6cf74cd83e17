"""The parser: what it builds, what it refuses and what it says."""

import pytest

from chaosbench.errors import DefinitionError
from chaosbench.expressions.parse import MAX_LENGTH, parse
from chaosbench.expressions.tree import Binary, Call, Compare, Delay, Element, Name, Number, Sum, Unary, names_in, to_data

X, Y = Name("x"), Name("y")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("x + y*2", Binary("add", X, Binary("mul", Y, Number(2.0, "2")))),
        ("-x**2", Unary("neg", Binary("pow", X, Number(2.0, "2")))),
        ("(-x)**2", Binary("pow", Unary("neg", X), Number(2.0, "2"))),
        ("x**-2", Binary("pow", X, Unary("neg", Number(2.0, "2")))),
        ("x - y - 1", Binary("sub", Binary("sub", X, Y), Number(1.0, "1"))),
        ("x**y**2", Binary("pow", X, Binary("pow", Y, Number(2.0, "2")))),
        ("+x % 1.5e0", Binary("mod", X, Number(1.5, "1.5e0"))),
        ("where(x >= y, sin(x), pi)", Call("where", (Compare("ge", X, Y), Call("sin", (X,)), Name("pi")))),
        ("sum(j, A[i,j]*x[j-1])", Sum(Binary("mul", Element("A", "i", 0, "j"), Element("x", "j", -1)))),
        ("x[i+1] - x[i-2]", Binary("sub", Element("x", "i", 1), Element("x", "i", -2))),
        ("mean(x)", Call("mean", (X,))),
        ("delay(x, 2*tau)", Delay("x", Binary("mul", Number(2.0, "2"), Name("tau")))),
        ("  x +\n   y ", Binary("add", X, Y)),
    ],
)
def test_text_becomes_the_tree_in_the_authors_order(text, tree):
    assert parse(text, where="f: k") == tree


def test_a_literal_remembers_how_it_was_written():
    assert parse("1.50e-1", where="f: k").text == "1.50e-1"
    assert parse("1.50e-1", where="f: k") == Number(0.15, "0.15")


def test_data_of_a_tree_holds_every_part():
    data = to_data(parse("-a*x[i-1] + delay(y, tau) + where(a < 1, 2, 3)", where="f: k"))
    expected_sum = ["add", ["mul", ["neg", "a"], ["element", "x", "i", -1, None]], ["delay", "y", "tau"]]
    assert data == ["add", expected_sum, ["where", ["lt", "a", 1.0], 2.0, 3.0]]


def test_names_in_finds_scalars_elements_and_delayed_variables():
    assert names_in(parse("a*x[i] + delay(y, tau) + mean(z)", where="f: k")) == {"a", "x", "y", "tau", "z"}


REFUSED = {
    "": "the expression is empty",
    "x.real": "an attribute",
    "__import__('os')": "'__import__' is not a function",
    "_x + 1": "starts with an underscore",
    "lambda*x": "reserved word of Python",
    "lambda x: x": "reserved word of Python",
    "[x for x in y]": "brackets, braces and comprehensions",
    "(x, y)": "brackets, braces and comprehensions",
    "{x: y}": "brackets, braces and comprehensions",
    "'x'": "text in quotes",
    "f'{x}'": "text in quotes",
    "sin(x=1)": "argument by keyword",
    "sin(*x)": "'*' before an argument",
    "(x := 1)": "':=' is not allowed",
    "x if y else 1": "'if ... else' is not allowed",
    "x and y": "'and' and 'or' are not allowed",
    "x < y": "a comparison stands alone",
    "where(x, 1, 2)": "not one comparison",
    "where(0 < x < 1, 1, 2)": "not one comparison",
    "where(x == 1, 1, 2)": "comparison Eq is not allowed",
    "siin(x)": "did you mean 'sin'?",
    "x(y + 1)": "products need *",
    "a.b(c)": "only named functions can be called",
    "sin(x, y)": "is given 2 arguments; it takes 1",
    "sum(x)": "write sum(j, expression in x[j])",
    "sum(i, x[i])": "the first argument of sum is not a plain name",
    "delay(x + 1, tau)": "the first argument of delay is not a plain name",
    "mean(x[i])": "the first argument of mean is not a plain name",
    "x^2": "write ** for a power",
    "x // 2": "operator FloorDiv",
    "not x": "operator Not",
    "~x": "operator Invert",
    "x**101": "exponent 101 is too large",
    "x**-1000000": "exponent 1000000 is too large",
    "1e999": "too large for a float64",
    "1" * 400: "too large for a float64",
    "2j": "literals are real numbers",
    "True": "literals are real numbers",
    "None": "literals are real numbers",
    "...": "literals are real numbers",
    "x[0]": "index '0' is not allowed",
    "x[i+0.5]": "offset 0.5 is not allowed",
    "x[i*2]": "index 'i*2' is not allowed",
    "x[1:2]": "is not allowed",
    "A[j,i]": "indexed by i and j in this order",
    "sin(x)[i]": "only a name can be indexed",
    "y = x": "without '='",
    "2x": "cannot be read",
    "(x": "cannot be read",
    "x \N{MINUS SIGN} y": "plain ASCII",
    "x\0": "cannot be read",
    "x" + "+x" * 400: "nested more than",
    "-" * 3000 + "x": "nest",
    "x+" * MAX_LENGTH + "x": "the limit is",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_everything_outside_the_grammar_is_refused_with_a_reason(text):
    with pytest.raises(DefinitionError) as caught:
        parse(text, where="systems/flows/x.toml: equations.y")
    message = str(caught.value)
    assert message.startswith("systems/flows/x.toml: equations.y: ")
    assert REFUSED[text] in message
    assert message.count(";") >= 1, "what is wrong; rule; fix"


def test_brackets_alone_add_no_depth():
    assert parse("(" * 150 + "x" + ")" * 150, where="f: k") == X


def test_something_that_is_not_text_is_refused():
    with pytest.raises(DefinitionError, match="2 is not text"):
        parse(2, where="f: k")
