"""The pair of order 8(5,3) of Dormand and Prince from event to event."""

from chaosbench.integrators._dop853_tableau import DOP853
from chaosbench.integrators._event_driven import EventDriven


class EventDriven8(EventDriven):
    """For hybrid systems at tight tolerances: fourteen right-hand sides a step, and eight looks at the guards."""

    order = 8
    tableau = DOP853
    source = (
        "E. Hairer, S. P. Norsett, G. Wanner, Solving Ordinary Differential Equations I: Nonstiff Problems, 2nd ed., Springer (1993), "
        "sections II.5 and II.6, doi:10.1007/978-3-540-78862-1; events: L. F. Shampine, S. Thompson, Event location for ordinary differential "
        "equations, Computers and Mathematics with Applications 39, 43-54 (2000), doi:10.1016/S0898-1221(00)00045-6"
    )
