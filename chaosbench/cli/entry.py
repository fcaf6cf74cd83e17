"""What can be checked of an evaluation before it starts."""

import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from chaosbench.answers import Failure, attempt
from chaosbench.entrants import entrant
from chaosbench.errors import ForecasterError, nearest


def check_forecaster(name: str, options: Mapping[str, Any]) -> None:
    """Raise CatalogueError or ForecasterError when `name` cannot be found, its file cannot be run, or it does not take `options`."""
    found = attempt("import", lambda: entrant(name, options)) if name.endswith(".py") else entrant(name, options)
    if isinstance(found, Failure):
        raise ForecasterError(f"{name}: cannot be used ({found.reason.removeprefix('import: ')}); mend the file")
    if found.make is None:  # an extra is missing: its cells will say so
        return
    known = [parameter.name for parameter in inspect.signature(found.make).parameters.values() if parameter.kind is parameter.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise ForecasterError(f"--option {option}: {name} has {_listed(known)}{nearest(option, known)}")


def check_device(device: str) -> None:
    """Raise ForecasterError when PyTorch cannot use `device` here; "cpu" needs no PyTorch."""
    if device == "cpu":
        return
    if find_spec("torch") is None:
        raise ForecasterError(f"--device {device}: PyTorch is not installed; pip install 'chaosbench[torch]', or leave --device out")
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as reason:  # which one depends on the kind of device
        said = str(reason).partition("\n")[0]
        raise ForecasterError(f"--device {device}: PyTorch cannot use it here ({said}); leave --device out, or write cpu or cuda") from reason


def _listed(options: list[str]) -> str:
    return f"the options {', '.join(options)}" if options else "no options"
