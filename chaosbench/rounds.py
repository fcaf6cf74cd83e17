"""Sealed rounds: a suite whose data nobody can know beforehand, and whose scores anybody can make again afterwards.

A round is a folder. `round.toml` is public from the start: the suite, its tracks, and a commitment, the hash of a secret seed and a salt, which
`secret.json` holds for whoever scores. Submissions are run on the sealed suite: contexts are made, answers are written down and hashed, and only then
is the truth made. When the round closes the secret is revealed in `round.toml`; from then on everybody can check the commitment, make all data again
and score the answers.
"""

import hashlib
import json
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaosbench.errors import RecordError, TaskError
from chaosbench.folders import write_whole
from chaosbench.identity import canonical_json
from chaosbench.randomness import generator
from chaosbench.suites import Suite, TaskSpec, read_suite

SCHEMA = 1
PUBLIC, SECRET, COPY = "round.toml", "secret.json", "suite.toml"
_KEYS = {"schema": int, "name": str, "suite": str, "suite_sha256": str, "tracks": list, "commitment": str}
_BITS = 128


@dataclass(frozen=True)
class Secret:
    """What a commitment binds: a seed of 128 bits, and a salt of 128 bits that keeps a guess of the seed from being checked."""

    salt: str
    seed: int

    @property
    def commitment(self) -> str:
        """SHA-256 of "salt:seed", the salt in hexadecimal and the seed in decimal digits."""
        return hashlib.sha256(f"{self.salt}:{self.seed}".encode()).hexdigest()


@dataclass(frozen=True)
class Round:
    """A round as `round.toml` describes it. origin: name of the suite, or of its file in the round's folder. revealed: the secret, once closed."""

    name: str
    origin: str
    suite: Suite
    tracks: tuple[str, ...]
    commitment: str
    revealed: Secret | None

    def sealed(self, secret: Secret) -> Suite:
        """Return the suite of this round: the public one's tasks in the round's tracks, with data from the secret seed.

        Blind tasks lose their names: they are numbered in an order that only the seed knows. Raises RecordError when `secret` is not what the
        round committed to.
        """
        if secret.commitment != self.commitment:
            raise RecordError(
                f"round {self.name}: the secret hashes to {secret.commitment}, the round committed to {self.commitment}; it is another's"
            )
        labels = self.suite.in_tracks(self.tracks)
        tasks = [task for task in self.suite.tasks if task.label in labels]
        blind = [task for task in tasks if task.blind]
        order = generator(secret.seed, "order of blind tasks").permutation(len(blind))
        named = {blind[place].label: replace(blind[place], name=f"{blind[place].track}/{number:02}") for number, place in enumerate(order)}
        return Suite(self.name, self.suite.version, secret.seed, self.suite.metrics, _ordered(tasks, named))


def _ordered(tasks: Sequence[TaskSpec], named: Mapping[str, TaskSpec]) -> tuple[TaskSpec, ...]:
    """Return open tasks in the suite's order, then blind ones by their numbers, so that the order tells nothing, either."""
    return (*(task for task in tasks if not task.blind), *named.values())


def open_round(folder: Path, suite: str | Path, tracks: Sequence[str] = ()) -> Round:
    """Make a round of `suite` in `folder`: a public file with a commitment, the secret beside it, and a copy of a suite that is a file. Returns it.

    Raises TaskError when the folder holds a round already or the suite has no such track.
    """
    if (folder / PUBLIC).exists() or (folder / SECRET).exists():
        raise TaskError(f"{folder}: holds a round already; choose another folder")
    whole = read_suite(suite)
    whole.in_tracks(tracks)
    secret = Secret(secrets.token_hex(_BITS // 8), secrets.randbits(_BITS))
    origin = str(suite)
    if origin.endswith(".toml"):
        write_whole(folder / COPY, Path(origin).read_bytes())
        origin = COPY
    opened = Round(folder.resolve().name, origin, whole, tuple(tracks), secret.commitment, None)
    write_whole(folder / SECRET, canonical_json({"salt": secret.salt, "seed": str(secret.seed)}) + "\n")
    (folder / SECRET).chmod(0o600)
    write_whole(folder / ".gitignore", f"{SECRET}\ncache/\n")
    write_whole(folder / PUBLIC, _text(opened))
    return opened


def read_round(folder: Path) -> Round:
    """Return the round in `folder`. Raises RecordError for a broken file, or a suite that is no longer what the round was opened with."""
    path = folder / PUBLIC
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise RecordError(f"{path}: cannot be read ({reason.strerror}); `chaosbench leaderboard open FOLDER` makes a round") from reason
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise RecordError(f"{path}: not TOML ({reason}); take it from the round's publisher again") from reason
    revealed = data.pop("revealed", None)
    odd = sorted(set(data) ^ set(_KEYS)) or [key for key in _KEYS if not isinstance(data[key], _KEYS[key])]
    if odd or data["schema"] != SCHEMA:
        raise RecordError(
            f"{path}: {odd[0] if odd else 'schema'}: missing, unknown or of the wrong type; keys are {', '.join(_KEYS)}; schema {SCHEMA}"
        )
    suite = read_suite(folder / data["suite"] if data["suite"].endswith(".toml") else data["suite"])
    if suite.sha256 != data["suite_sha256"]:
        raise RecordError(
            f"{path}: suite {data['suite']!r} has the hash {suite.sha256} here, the round was opened with {data['suite_sha256']}; use that version"
        )
    secret = None if revealed is None else _secret(revealed, f"{path}: revealed")
    return Round(data["name"], data["suite"], suite, tuple(data["tracks"]), data["commitment"], secret)


def read_secret(folder: Path) -> Secret:
    """Return the secret of the round in `folder`: the revealed one, else the one that lies beside it."""
    found = read_round(folder).revealed
    if found is not None:
        return found
    path = folder / SECRET
    try:
        return _secret(json.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as reason:
        raise RecordError(f"{path}: cannot be read ({reason.strerror}); only who opened the round can score in it before it is revealed") from reason
    except ValueError as reason:
        raise RecordError(f"{path}: not JSON ({reason}); a damaged secret cannot be mended, open another round") from reason


def reveal(folder: Path) -> Round:
    """Close the round in `folder`: write its secret into the public file. Returns the closed round."""
    found, secret = read_round(folder), read_secret(folder)
    found.sealed(secret)  # never reveal what was not committed to
    closed = replace(found, revealed=secret)
    write_whole(folder / PUBLIC, _text(closed))
    return closed


def _secret(data: Any, where: str) -> Secret:
    if not isinstance(data, Mapping) or set(data) != {"salt", "seed"} or not str(data["seed"]).isdecimal():
        raise RecordError(f"{where}: a salt and a seed in digits are needed")
    return Secret(str(data["salt"]), int(data["seed"]))


def _text(found: Round) -> str:
    tracks = ", ".join(json.dumps(track) for track in found.tracks)
    lines = [
        "# A sealed round: data come from a secret seed, which the commitment binds and the closing of the round reveals.",
        f"schema = {SCHEMA}",
        f"name = {json.dumps(found.name)}",
        f"suite = {json.dumps(found.origin)}",
        f"suite_sha256 = {json.dumps(found.suite.sha256)}",
        f"tracks = [{tracks}]  # all when empty",
        f"commitment = {json.dumps(found.commitment)}  # SHA-256 of salt:seed",
    ]
    if found.revealed is not None:
        lines += ["", "[revealed]", f"salt = {json.dumps(found.revealed.salt)}", f'seed = "{found.revealed.seed}"']
    return "\n".join(lines) + "\n"
