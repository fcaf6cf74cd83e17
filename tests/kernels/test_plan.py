"""What is computed once: per call, per cell, per stage for all columns. Counted on the plan, not timed."""

from chaosbench.kernels.graph import graph_of
from chaosbench.kernels.plan import plan_of


def _kept(graph, region):
    return {(graph.nodes[n].op, graph.nodes[n].axes) for n in region.kept}


def test_what_parameters_alone_decide_is_computed_once_per_call(samples):
    graph = graph_of(samples["coupled ring of 5"].tape, 0)
    plan = plan_of(graph)
    assert _kept(graph, plan.static) == {("exp", ""), ("div", "ij")}
    assert not any(graph.nodes[n].op == "exp" for n in plan.value.closure if n not in plan.value.given)


def test_a_function_of_one_cell_is_taken_once_per_cell_and_not_per_pair(samples):
    graph = graph_of(samples["coupled ring of 5"].tape, 0)
    assert ("tanh", "j") in _kept(graph, plan_of(graph).value)


def test_columns_compute_no_function_that_the_state_has_computed(samples):
    for name in ("trigonometric", "coupled ring of 5", "large"):
        graph = graph_of(samples[name].tape, 3)
        plan = plan_of(graph)
        assert plan.column is not None
        own = [graph.nodes[n].op for n in plan.column.closure if n not in plan.column.given]
        assert not {"sin", "cos", "tanh", "exp", "sqrt"} & set(own)


def test_without_columns_nothing_is_kept_for_them(samples):
    graph = graph_of(samples["ring of 40, periodic"].tape, 0)
    plan = plan_of(graph)
    assert plan.column is None
    assert not plan.value.kept
