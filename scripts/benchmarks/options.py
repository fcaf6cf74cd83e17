"""What the command line asks for, and the peers that take part."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .measure import Point
from .peers.base import Peer, installed


@dataclass(frozen=True)
class Options:
    """rounds: interleaved rounds. quick: a minute in all, for a test. systems, peers: only those named, None means all."""

    rounds: int = 5
    quick: bool = False
    systems: tuple[str, ...] | None = None
    peers: tuple[str, ...] | None = None

    def present(self) -> list[Peer]:
        """Return the installed peers that were asked for, this project always among them."""
        return installed(None if self.peers is None else {"chaosbench", *self.peers})


def gathered(sources: Iterable[tuple[Peer, Iterable[Point]]]) -> tuple[list[Point], dict[str, str]]:
    """Return the points of all peers and, for peers that cannot be given the system, what they said."""
    points: list[Point] = []
    refused: dict[str, str] = {}
    for peer, given in sources:
        try:
            points += list(given)
        except Exception as failure:  # whatever a peer raises is its result, and is printed
            refused[peer.name] = f"{type(failure).__name__}: {failure}"[:300]
    return points, refused


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]
