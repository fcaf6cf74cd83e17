"""MathML of equations: exact for small ones, well-formed for every system of the catalogue."""

from xml.etree import ElementTree

import pytest

from chaosbench.catalogue import system_files
from chaosbench.dynamics.printing import equations_in_latex
from chaosbench.dynamics.reader import system
from chaosbench.expressions.mathml import mathml

OPEN, CLOSE = (f'<mo stretchy="false">{bracket}</mo>' for bracket in "()")
SPACE = '<mspace width="0.18em"/>'


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("x", "<mi>x</mi>"),
        ("2.5", "<mn>2.5</mn>"),
        ("-x", "<mrow><mo>−</mo><mi>x</mi></mrow>"),
        ("\\sigma x", f"<mrow><mi>σ</mi>{SPACE}<mi>x</mi></mrow>"),
        ("x_{1}^{2}", "<msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup>"),
        ("\\dot{x}_{i}", '<msub><mover accent="true"><mi>x</mi><mo>˙</mo></mover><mi>i</mi></msub>'),
        ("\\frac{1}{\\sqrt{x}}", "<mfrac><mn>1</mn><msqrt><mi>x</mi></msqrt></mfrac>"),
        ("\\sin\\left(x\\right)", f"<mrow><mi>sin</mi><mo>\u2061</mo><mrow>{OPEN}<mi>x</mi>{CLOSE}</mrow></mrow>"),
        ("\\left|A\\right|^{2}", '<msup><mrow><mo stretchy="false">|</mo><mi>A</mi><mo stretchy="false">|</mo></mrow><mn>2</mn></msup>'),
        ("\\mathrm{d}W", '<mrow><mi mathvariant="normal">d</mi><mi>W</mi></mrow>'),
        ("a < b", "<mrow><mi>a</mi><mo>&lt;</mo><mi>b</mi></mrow>"),
        ("\\left(\\frac{1}{x}\\right)", "<mrow><mo>(</mo><mfrac><mn>1</mn><mi>x</mi></mfrac><mo>)</mo></mrow>"),
    ],
)
def test_a_small_expression_is_exactly_this(latex: str, expected: str) -> None:
    assert mathml(latex) == f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">{expected}</math>'


def test_aligned_equations_are_a_table_with_a_row_each() -> None:
    table = ElementTree.fromstring(mathml("\\begin{aligned}\nx &= 1 \\\\\ny &= 2\n\\end{aligned}"))[0]
    assert [[len(cell) for cell in row] for row in table] == [[1, 1], [1, 1]]


def test_an_unknown_command_is_an_error() -> None:
    with pytest.raises(ValueError, match="unheard"):
        mathml("\\unheard{x}")


@pytest.mark.parametrize("name", sorted(system_files()))
def test_the_equations_of_every_system_become_well_formed_mathml(name: str) -> None:
    latex = equations_in_latex(system(name))
    table = ElementTree.fromstring(mathml(latex))[0]
    assert len(table) == latex.count(" \\\\\n") + 1
