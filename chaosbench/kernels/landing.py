"""Steps that end on the samples: each output is the state itself, and no polynomial is evaluated for it.

For a sampling interval well below the radius of convergence a step of one interval needs a low order, and what dense output costs is saved. The
trajectory then depends on where it is sampled, so this is asked for, never taken by itself.
"""

from chaosbench.kernels.control import when
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.lanes import Lanes
from chaosbench.kernels.samples import Shape
from chaosbench.kernels.values import Index, Value, constant, whole


def next_sample(w: Writer, lanes: Lanes) -> Value:
    """The time of every lane's next sample, of its last one when it has none left."""
    index, count, row = (w.convert("fptosi", w.load("%u", lanes.field(name), width=lanes.width), "i64") for name in ("index", "count", "row"))
    newest = w.integer("sub", count, whole(1, lanes.width))
    place = w.integer("add", row, w.select(w.compare_integers("slt", index, count), index, newest))
    return w.lanes([w.load("%a", 0, Index(w.lane(place, lane).text)) for lane in range(lanes.width)])


def write_landed(w: Writer, shape: Shape, lanes: Lanes, landed: Value) -> Value:
    """Write the states of the lanes that have landed, bring their indices forward, and return which of them were at their last sample."""
    width = lanes.width
    index, count, start = (w.load("%u", lanes.field(name), width=width) for name in ("index", "count", "start"))
    following = w.select(landed, w.add(index, constant(1.0, width)), index)
    with when(w, w.any(landed)):
        rows = w.fma(index, constant(float(shape.dimension), width), start)  # whole numbers below 2**53
        places = w.convert("fptosi", rows, "i64")
        values = [w.load("%u", d * width, width=width) for d in range(shape.dimension)]
        for lane in range(width):
            address = w.put(f"getelementptr double, ptr %out, i64 {w.lane(places, lane).text}")
            pointer = w.put(f"select {w.lane(landed, lane).typed}, ptr {address}, ptr %past")
            for d, value in enumerate(values):
                w.store(w.lane(value, lane), pointer, d)
        w.store(following, "%u", lanes.field("index"))
    return w.both(landed, w.compare("oge", following, count))
