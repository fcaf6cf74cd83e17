"""The pair of order 5(4) of Tsitouras from event to event."""

from chaosbench.integrators._event_driven import EventDriven
from chaosbench.integrators._tsit5_tableau import TSIT5


class EventDriven5(EventDriven):
    """For hybrid systems at loose tolerances, and the second method that trust horizons need."""

    order = 5
    tableau = TSIT5
    source = (
        "Ch. Tsitouras, Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption, "
        "Computers and Mathematics with Applications 62, 770-775 (2011), doi:10.1016/j.camwa.2011.06.002; events as in the method of order 8"
    )
