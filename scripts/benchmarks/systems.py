"""The smooth flows of the single-trajectory case: those of the registry and seven more, with sines, exponentials and hyperbolic tangents."""

from collections.abc import Iterator

from chaosbench.catalogue import system_files
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.reader import read_definition, system_from

TURN = {"period": "2*pi"}


def extra_flows() -> Iterator[SystemDefinition]:
    """Yield flows that the registry lacks, with their sources."""
    # Parlitz and Lauterborn, Phys. Rev. A 36, 1428 (1987): the forced van der Pol oscillator.
    yield system_from(
        {"x": "v", "v": "mu*(1 - x**2)*v - x + a*sin(2*pi*t/T)"},
        parameters={"mu": 8.53, "a": 1.2, "T": 10.0},
        forcing_period="T",
        initial={"centre": [0.5, 0.0], "spread": 0.1},
        name="forced_van_der_pol",
    )
    # Baker and Gollub, Chaotic Dynamics (1990), chapter 3: the driven damped pendulum.
    yield system_from(
        {"theta": "v", "v": "-v/q - sin(theta) + g*cos(omega*t)"},
        parameters={"q": 2.0, "g": 1.5, "omega": "2/3"},
        state={"theta": TURN, "v": {}},
        forcing_period="2*pi/omega",
        name="driven_pendulum",
    )
    # Dombre et al., J. Fluid Mech. 167, 353 (1986): the Arnold-Beltrami-Childress flow.
    yield system_from(
        {"x": "A*sin(z) + C*cos(y)", "y": "B*sin(x) + A*cos(z)", "z": "C*sin(y) + B*cos(x)"},
        parameters={"A": 1.0, "B": "sqrt(2/3)", "C": "sqrt(1/3)"},
        state={"x": TURN, "y": TURN, "z": TURN},
        conservative=True,
        name="abc_flow",
    )
    # Sprott, Chaos and Time-Series Analysis (2003), appendix A.5.6: the simplified model of the solar-wind driven magnetosphere.
    yield system_from(
        {"x": "y", "y": "z", "z": "-a*z - y + b - exp(x)"}, parameters={"a": 0.7, "b": 2.5}, initial={"centre": [0.0, 0.8, 0.0]}, name="windmi"
    )
    # Yang and Yuan, Neurocomputing 69, 232 (2005): three neurons of Hopfield type.
    yield system_from(
        {
            "x": "-x + 2*tanh(x) - 1.2*tanh(y)",
            "y": "-y + 1.9995*tanh(x) + 1.71*tanh(y) + 1.15*tanh(z)",
            "z": "-z - 4.75*tanh(x) + 1.1*tanh(z)",
        },
        initial={"centre": [0.1, 0.1, 0.1]},
        name="hopfield",
    )
    # Hoover, Phys. Rev. A 31, 1695 (1985): the Nose-Hoover oscillator.
    yield system_from(
        {"x": "y", "y": "-x - y*z", "z": "y**2 - 1"}, initial={"centre": [0.0, 5.0, 0.0], "spread": 0.01}, conservative=True, name="nose_hoover"
    )
    # Rikitake, Math. Proc. Camb. Phil. Soc. 54, 89 (1958): two coupled disk dynamos.
    yield system_from(
        {"x": "-mu*x + z*y", "y": "-mu*y + (z - a)*x", "z": "1 - x*y"},
        parameters={"mu": 2.0, "a": 5.0},
        initial={"centre": [1.0, 0.5, 3.0], "spread": 0.1},
        name="rikitake",
    )


def smooth_flows(names: list[str] | None = None) -> list[CompiledSystem]:
    """Return the smooth flows of the registry and the extra ones, or those called `names`."""
    registry = [read_definition(path) for path in system_files().values() if path.parent.name == "flows"]
    compiled = [compile_system(definition) for definition in [*registry, *extra_flows()] if names is None or definition.name in names]
    return [system for system in compiled if system.tape.smooth]
