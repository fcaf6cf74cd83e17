"""The coefficients of Rodas5P as data.

A Rosenbrock method for x' = f(x) with Jacobian J takes, with W = I / (gamma h) - J, the stages

    W U_s = f(x + sum_j a[s][j] U_j) + sum_j c[s][j] U_j / h,    s = 1 .. S,

one factorisation and S solutions a step. Here x_new = x + sum_j a[S][j] U_j + U_S and the last stage U_S is the difference of the two solutions
of the pair (a stiffly accurate method: rows S - 1 and S of `a` only add the stage before). Inside the step, at 0 <= theta <= 1,

    x(theta) = (1 - theta) x + theta (x_new + (1 - theta) (K_1 + theta K_2 + theta**2 K_3)),    K_q = sum_j dense[q][j] U_j.

Nodes are not needed: systems are autonomous, a forced one carries its phase as a state.

Source: G. Steinebach, Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within the Julia Differential Equations package,
BIT Numerical Mathematics 63, 27 (2023), doi:10.1007/s10543-023-00967-x; the form with U_s is that of E. Hairer, G. Wanner, Solving Ordinary
Differential Equations II, 2nd ed. (1996), equation IV.7.25.
"""

from dataclasses import dataclass

from chaosbench.kernels.tableau import Row


@dataclass(frozen=True)
class Rosenbrock:
    """A stiffly accurate Rosenbrock pair whose last stage is its error estimate; see the formulas above.

    a, c: S rows, row s of s coefficients. dense: three rows of S. order, error_order, dense_order: of the step, of the estimate, inside the step.
    """

    name: str
    gamma: float
    a: tuple[Row, ...]
    c: tuple[Row, ...]
    dense: tuple[Row, ...]
    order: int
    error_order: int
    dense_order: int

    def __post_init__(self) -> None:
        stages = len(self.a)
        for s, (row, other) in enumerate(zip(self.a, self.c, strict=True)):
            if not len(row) == len(other) == s:
                raise ValueError(f"{self.name}: rows {s} of a and c have {len(row)} and {len(other)} coefficients; row s must have s")
        if self.a[-1] != (*self.a[-2], 1.0):
            raise ValueError(f"{self.name}: the last row of a must be the one before followed by 1; the method is not stiffly accurate")
        if any(len(row) != stages for row in self.dense) or len(self.dense) != 3:
            raise ValueError(f"{self.name}: dense must be 3 rows of {stages} coefficients")

    @property
    def stages(self) -> int:
        """S, right-hand sides and linear solutions a step."""
        return len(self.a)


_SIXTH = (-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946)

RODAS5P = Rosenbrock(
    name="Rodas5P",
    gamma=0.21193756319429014,
    a=(
        (),
        (3.0,),
        (2.849394379747939, 0.45842242204463923),
        (-6.954028509809101, 2.489845061869568, -10.358996098473584),
        (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
        _SIXTH,
        (*_SIXTH, 1.0),
        (*_SIXTH, 1.0, 1.0),
    ),
    c=(
        (),
        (-14.155112264123755,),
        (-17.97296035885952, -2.859693295451294),
        (147.12150275711716, -1.41221402718213, 71.68940251302358),
        (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
        (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
        (30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783, -19.097331116725623, -28.087943162872662),
        (
            37.80277123390563,
            -3.2571969029072276,
            112.26918849496327,
            66.9347231244047,
            -40.06618937091002,
            -54.66780262877968,
            -9.48861652309627,
        ),
    ),
    dense=(
        (
            25.948786856663858,
            -2.5579724845846235,
            10.433815404888879,
            -2.3679251022685204,
            0.524948541321073,
            1.1241088310450404,
            0.4272876194431874,
            -0.17202221070155493,
        ),
        (
            -9.91568850695171,
            -0.9689944594115154,
            3.0438037242978453,
            -24.495224566215796,
            20.176138334709044,
            15.98066361424651,
            -6.789040303419874,
            -6.710236069923372,
        ),
        (
            11.419903575922262,
            2.8879645146136994,
            72.92137995996029,
            80.12511834622643,
            -52.072871366152654,
            -59.78993625266729,
            -0.15582684282751913,
            4.883087185713722,
        ),
    ),
    order=5,
    error_order=4,
    dense_order=4,
)
