"""LaTeX: symbols, fractions, brackets where they are needed and nowhere else."""

import pytest

from chaosbench.expressions.latex import latex, symbol
from chaosbench.expressions.parse import parse

SYMBOLS = {
    "x": "x",
    "sigma": r"\sigma",
    "lam": r"\lambda",
    "k12": "k_{12}",
    "omega0": r"\omega_{0}",
    "alpha_m": r"\alpha_{m}",
    "x_rest": r"x_{\mathrm{rest}}",
    "gain": r"\mathrm{gain}",
}
FORMULAS = {
    "x*(rho - z) - y": r"x \left(\rho - z\right) - y",
    "x/(1 + x**2)": r"\frac{x}{1 + x^{2}}",
    "-a*x - (b - c)": r"-a x - \left(b - c\right)",
    "(x + y)**2": r"\left(x + y\right)^{2}",
    "sin(x)**2": r"\sin^{2}\left(x\right)",
    "a*-b": r"a \left(-b\right)",
    "2*3*x": r"2 \cdot 3 x",
    "1e-3*x": "10^{-3} x",
    "2.5e4*x": r"2.5 \times 10^{4} x",
    "abs(x) + floor(y) + mean(z)": r"\left|x\right| + \left\lfloor y\right\rfloor + \left\langle z\right\rangle",
    "where(x < 1, x, 0)": r"\begin{cases} x & x < 1 \\ 0 & \text{otherwise} \end{cases}",
    "sum(j, A[i,j]*x[j+1])": r"\sum_{j=0}^{N-1} A_{i,j} x_{j+1}",
    "delay(x, tau)**n": r"x\left(t - \tau\right)^{n}",
    "asin(x) % (2*pi)": r"\arcsin\left(x\right) \bmod \left(2 \pi\right)",
    "sqrt(x)*exp(-x)": r"\sqrt{x} \exp\left(-x\right)",
}


@pytest.mark.parametrize(("name", "expected"), SYMBOLS.items())
def test_names_become_symbols(name, expected):
    assert symbol(name) == expected


@pytest.mark.parametrize(("text", "expected"), FORMULAS.items())
def test_formulas_are_set_as_one_writes_them(text, expected):
    assert latex(parse(text, where="t")) == expected


def test_names_can_be_overridden():
    assert latex(parse("phase + x[i]", where="t"), {"phase": "t", "x": "u"}) == "t + u_{i}"
