"""Reservoirs side by side on a lattice: each forecasts a few sites from what it sees of them and their neighbours."""

from typing import ClassVar

import numpy as np

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._patches import Patches, patches_of, wavelength
from chaosbench.forecasters._reservoir_forecaster import ReservoirForecaster
from chaosbench.forecasters.base import Choice, Problem, Range, Training

_REACH = 0.7  # of the typical wavelength: sites of a group, and sites it sees to either side


class ParallelReservoir(ReservoirForecaster):
    """Reservoirs side by side: each of G blocks of sites has units h, driven by the block and its neighbours, and a readout for the block alone.

    Equations: h_t = (1 - l) h_{t-1} + l tanh(W h_{t-1} + V v_t + b) with v_t the values at the block's sites and at `overlap` sites to either side;
    prediction of the block at t + 1 = w_0 + W_out' [h_t, squares of every second h_t]; all blocks together are the next input.
    Symbols: as in an echo state network; V is uniform in [-input_scale, input_scale] / sqrt(number of inputs); n = group sites a block, the largest
    divisor of each axis up to `group`. group, overlap = None: 0.7 of the typical wavelength of the training data (of the wave with their mean square
    slope) on either count. All blocks have the same W, V, b.
    Method: where all sites follow one rule (`Geometry.homogeneous`), one readout is fitted on all blocks, on every second, third, ... step where that
    would be more than 50 000 rows, and moving the context by a block moves the forecast, bit for bit; elsewhere each block has its own. Inputs, not
    targets, carry noise in training. By QR of the unit states; ridge = None tries 1e-2, 1e-4, 1e-6 and keeps the one whose model runs free best over
    held-out data. Sites beyond the end of a chain read 0, the mean. Chains and planes.
    Source: J. Pathak, B. Hunt, M. Girvan, Z. Lu, E. Ott, Phys. Rev. Lett. 120, 024102 (2018), doi:10.1103/PhysRevLett.120.024102.
    Changed: a bias and squares beside the units instead of squares in their place; block and overlap by wavelength; noise of 1e-3 on inputs, which on
    Kuramoto-Sivashinsky took 800 units and 2 500 samples from 1.5 to 2.5 Lyapunov times; tens of times fewer units than the source's 5 000 a block.
    Measured on 5 000 samples at 30 a period, one seed, 40 windows: Lorenz-96 (40 cells, 20 blocks) a median valid prediction time of 3.3 Lyapunov
    times (an echo state network: 0.1), Kuramoto-Sivashinsky (L = 22, 64 points, 4 blocks, dt = 0.74) 2.4 (0.9), with 2 000 units 3.2 (ridge 1e-6).
    Cost: as an echo state network with G times the samples; 97 000 rows of 1 200 features are the largest part of a fit on Lorenz-96.
    Fails: planes of smooth fields, where a block and its surroundings are a thousand inputs or more; coarse sampling in time, in which what decides
    a site comes from beyond the overlap; lattices without short range, where every site sees every other.
    """

    penalties: ClassVar = (1e-2, 1e-4, 1e-6)
    space: ClassVar = {
        "group": Choice((None, 1, 2, 4, 8, 16)),
        "overlap": Choice((None, 1, 2, 4, 8, 16)),
        "spectral_radius": Range(0.02, 1.2),
        "input_scale": Range(0.05, 2.0, log=True),
        "bias": Range(0.0, 2.0),
        "noise": Choice((0.0, 1e-4, 1e-3, 1e-2)),
        "squares": Choice((False, True)),
    }
    family: ClassVar = "reservoirs"
    source = "J. Pathak, B. Hunt, M. Girvan, Z. Lu, E. Ott, Phys. Rev. Lett. 120, 024102 (2018), doi:10.1103/PhysRevLett.120.024102"

    def __init__(
        self,
        *,
        group: int | None = None,
        overlap: int | None = None,
        units: int = 800,
        spectral_radius: float = 0.4,
        input_scale: float = 0.65,
        leak: float = 1.0,
        bias: float = 1.6,
        ridge: float | None = None,
        degree: float = 3.0,
        washout: int = 50,
        squares: bool = True,
        increments: bool = False,
        noise: float = 1e-3,
    ) -> None:
        super().__init__(
            units=units,
            spectral_radius=spectral_radius,
            input_scale=input_scale,
            leak=leak,
            bias=bias,
            ridge=ridge,
            degree=degree,
            washout=washout,
            squares=squares,
            increments=increments,
            noise=noise,
        )
        if group is not None:
            positive({"group": group})
        if overlap is not None:
            within("overlap", overlap, 0, 10_000)
        self.group = group
        self.overlap = overlap

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if components have no places or the training data end within the washout."""
        if problem.geometry is None:
            return "components without places on a chain or in a plane, or only some of them seen; a state as one whole is for a single reservoir"
        return super().unsupported(problem)

    def _parts(self, training: Training, states: list[np.ndarray]) -> tuple[Patches, bool]:
        geometry, dimension = training.geometry, states[0].shape[1]
        if geometry is None:
            raise ForecasterError("training.geometry is None: neighbours are unknown; pass a Geometry, or take a single reservoir")
        size = geometry.fields * int(np.prod(geometry.sites))
        if size != dimension:
            raise ForecasterError(f"training.geometry has {size} components, the data {dimension}; both must agree; see Geometry for their order")
        reach = max(1, round(_REACH * wavelength(states, geometry)))
        side = reach if self.group is None else self.group
        overlap = reach if self.overlap is None else self.overlap
        return patches_of(geometry, side=side, overlap=overlap), geometry.homogeneous

    def _input_scale(self, inputs: int) -> float:
        return float(self.input_scale / np.sqrt(inputs))
