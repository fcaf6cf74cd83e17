"""An ensemble on an NVIDIA GPU with one trajectory a thread, in a kernel made from the definition."""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.accelerators.cuda_driver import Gpu
from chaosbench.accelerators.cuda_host import Host
from chaosbench.accelerators.device_code import Program, device_text, host_text, program
from chaosbench.accelerators.device_trajectory import FIELDS, FRESH, RUNNING, SETTINGS
from chaosbench.accelerators.ptx import to_ptx
from chaosbench.accelerators.requests import checked_counts, tableau_of
from chaosbench.errors import IntegrationError
from chaosbench.integrators._request import Request, checked
from chaosbench.integrators.base import InitialState, Integrator, Solution

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

_BLOCK = 64  # threads of a block: small, because the stages of a step fill the registers


class CudaEnsemble(Integrator):
    """An explicit Runge-Kutta pair with one trajectory a thread; maps are iterated.

    Parameters
    ----------
    method: an explicit Runge-Kutta integrator of the catalogue, class or instance, whose tableau is used.
    device: "cuda", "cuda:1", ..., or "cpu", which runs the same program on this processor, to check it.
    steps: None for error control; or the number of equal steps from each sample time to the next, without error control.
    lanes: trajectories on the device at a time; fewer if its memory does not suffice.
    rounds: steps (samples for equal steps) of one launch; between launches the run can be interrupted.

    Method: the kernels of `kernels/` within the loop of the compiled methods, operation by operation. GPUs round addition, multiplication, fused
    multiply-add, division and square root like processors, and elementary functions are the package's own, so the states are those of the
    compiled method bit for bit. Nothing is contracted, no fast-math flag is set.
    Error: adaptive, that of the method at the tolerance; equal steps, order `order` in the step.
    """

    kinds = ("flows", "maps")
    order: int  # type: ignore[misc]  # that of the method
    adaptive: bool  # type: ignore[misc]
    needs_equations = True
    source: ClassVar[str] = "the source of the method it is given"

    def __init__(
        self,
        method: type[Integrator] | Integrator,
        *,
        device: str = "cuda",
        steps: int | None = None,
        lanes: int = 2**17,
        rounds: int = 4096,
    ) -> None:
        self.tableau, self.order = tableau_of(method)
        self.steps, self.lanes = checked_counts(steps, lanes)
        self.adaptive = steps is None
        self.rounds = rounds
        if rounds < 1:
            raise IntegrationError(f"rounds is {rounds}; rule: at least one step a launch; 4096 is usual")
        self.device: Any = _device(device)

    @property
    def options(self) -> dict[str, float]:
        """The order of the method, and equal steps if any."""
        steps = {} if self.steps is None else {"steps": float(self.steps)}
        return {"order": float(self.order), **steps}

    def solve(
        self,
        system: "CompiledSystem",
        initial: InitialState,
        times: np.ndarray,
        *,
        parameters: np.ndarray | None = None,
        seed: int | None = None,
        rtol: float = 1e-9,
        atol: float = 1e-12,
        max_steps: int = 10_000_000,
        threads: int | None = None,
        out: np.ndarray | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Solution:
        """Solve all trajectories at `times`; see `Integrator.solve`. `threads` is ignored: a thread of the GPU is a trajectory."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        if request.system.definition.kind == "maps":
            broken = request.times[(request.times != np.floor(request.times)) | (np.abs(request.times) > 2.0**53)]
            if broken.size:
                raise IntegrationError(f"times contains {broken[0]}; for a map they count iterations and must be whole numbers, as np.arange(T)")
        self._run(request, progress)
        return request.solution(times)

    def _run(self, request: Request, progress: Callable[[int, int], None] | None = None, fixed: float = 0.0) -> None:
        """Run a checked request; fixed > 0 takes steps of that size whatever the error (how the orders are measured)."""
        tableau = None if request.system.definition.kind == "maps" else self.tableau
        built = program(request.system.tape, tableau, self.steps is not None)
        self.device.use()
        kernel = self.device.kernel(_code(built, isinstance(self.device, Host)), "ensemble")
        samples = request.out.shape[1]
        settings = {
            "rtol": request.rtol,
            "atol": request.atol,
            "fixed": fixed,
            "max_steps": request.max_steps,
            "rounds": self.rounds,
            "samples": samples,
            "steps": self.steps or 0,
        }
        each = 8 * (request.out.shape[1] * request.out.shape[2] + built.sizes.record + 2 * request.states.shape[1] + samples)
        width = max(1, min(self.lanes, self.device.free_bytes() * 3 // 4 // each))
        for first in range(0, request.lanes, width):
            beyond = min(first + width, request.lanes)
            chunk = _Chunk(self.device, kernel, built, request, slice(first, beyond))
            chunk.run(np.array([settings[name] for name in SETTINGS], dtype=np.float64))
            if progress is not None:
                progress(beyond, request.lanes)


class _Chunk:
    """Some trajectories of a request."""

    def __init__(self, device: Any, kernel: Any, built: Program, request: Request, chunk: slice) -> None:
        self._device, self._kernel, self._built = device, kernel, built
        self._request, self._chunk = request, chunk
        self._count = chunk.stop - chunk.start

    def run(self, settings: np.ndarray) -> None:
        """Launch until every trajectory has ended, then fetch the results."""
        request, chunk, device = self._request, self._chunk, self._device
        own_parameters, own_times = len(request.parameters) > 1, len(request.times) > 1
        record = np.zeros((self._count, self._built.sizes.record))
        record[:, FIELDS.index("status")] = FRESH
        out = np.empty_like(request.out[chunk])
        memory: list[Any] = []
        try:
            memory.append(device.put(request.states[chunk]))
            memory.append(device.put(request.parameters[chunk] if own_parameters else request.parameters))
            memory.append(device.put(request.times[chunk] if own_times else request.times))
            memory.append(device.put(settings))
            memory += [device.room(out.nbytes), device.put(record)]
            strides = [request.parameters.shape[1] * own_parameters, request.times.shape[1] * own_times, out.shape[1] * out.shape[2]]
            first = [0] if isinstance(device, Host) else []
            while True:
                device.launch(self._kernel, self._count, _BLOCK, [*first, self._count, *strides], memory)
                device.read(memory[5], record)
                if not (record[:, FIELDS.index("status")] <= RUNNING).any():
                    break
            device.read(memory[4], out)
            device.read(memory[0], request.final[chunk])
        finally:
            for part in memory:
                device.drop(part)
        self._fetch(record, out)

    def _fetch(self, record: np.ndarray, out: np.ndarray) -> None:
        request, chunk = self._request, self._chunk
        request.status[chunk] = record[:, FIELDS.index("status")].astype(np.int8)
        for place, name in enumerate(("evaluations", "rejected")):
            request.counts[chunk, place] = record[:, FIELDS.index(name)].astype(np.int64)
        written = record[:, FIELDS.index("index")].astype(np.int64)
        out[np.arange(out.shape[1]) >= written[:, None]] = np.nan
        request.out[chunk] = out


@lru_cache(maxsize=64)
def _code(built: Program, host: bool) -> str:
    return host_text(built) if host else to_ptx(device_text(built), "ensemble")


def _device(name: str) -> Gpu | Host:
    kind, _, number = name.partition(":")
    if kind not in ("cuda", "cpu") or not (number or "0").isdigit():
        raise IntegrationError(f"device is {name!r}; rule: 'cuda', 'cuda:1', ... or 'cpu'; pass one of them")
    return Host() if kind == "cpu" else Gpu(int(number or 0))
