"""Reservoirs side by side on a lattice: each forecasts a few sites from what it sees of them and their neighbours."""

import numpy as np

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import positive, within
from chaosbench.forecasters._patches import Patches, patches_of
from chaosbench.forecasters._reservoir_forecaster import ReservoirForecaster
from chaosbench.forecasters.base import Problem, Training


class ParallelReservoir(ReservoirForecaster):
    """DOC Method cost fail"""

    source = "J. Pathak, B. Hunt, M. Girvan, Z. Lu, E. Ott, Phys. Rev. Lett. 120, 024102 (2018), doi:10.1103/PhysRevLett.120.024102"

    def __init__(
        self,
        *,
        group: int = 2,
        overlap: int = 4,
        units: int = 500,
        spectral_radius: float = 0.4,
        input_scale: float = 0.1,
        leak: float = 1.0,
        bias: float = 1.0,
        ridge: float | None = None,
        degree: float = 3.0,
        washout: int = 50,
        squares: bool = False,
        increments: bool = True,
        noise: float = 0.0,
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
        positive({"group": group})
        within("overlap", overlap, 0, 10_000)
        self.group = group
        self.overlap = overlap

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason if components have no places or the training data end within the washout."""
        if problem.geometry is None:
            return "components without places on a chain or in a plane, or only some of them seen; a state as one whole is for a single reservoir"
        return super().unsupported(problem)

    def _parts(self, training: Training, dimension: int) -> tuple[Patches, bool]:
        geometry = training.geometry
        if geometry is None:
            raise ForecasterError("training.geometry is None: neighbours are unknown; pass a Geometry, or take a single reservoir")
        size = geometry.fields * int(np.prod(geometry.sites))
        if size != dimension:
            raise ForecasterError(f"training.geometry has {size} components, the data {dimension}; both must agree; see Geometry for their order")
        return patches_of(geometry, side=self.group, overlap=self.overlap), geometry.homogeneous
