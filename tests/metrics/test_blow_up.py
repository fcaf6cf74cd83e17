import numpy as np

from chaosbench.metrics.base import Answer, Scales
from chaosbench.metrics.blow_up import BlowUp


def test_the_share_counts_windows_that_failed_before_the_end() -> None:
    scales = Scales(1.0, 1.0, 1.0, np.array([1.0]), np.ones(2))
    scores = BlowUp().score(Answer(np.zeros((4, 1, 10, 2)), np.array([0, 9, 10, 10])), None, scales)
    assert scores.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert scores.mean() == 0.5
