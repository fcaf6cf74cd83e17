"""The structure of the package, read from its source: layers, sizes, documentation, and what importing costs."""

import ast
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from chaosbench.catalogue import PLUGIN_KINDS, names, system_files
from chaosbench.facts import Facts

PACKAGE = Path(__file__).parent.parent / "chaosbench"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if not {"_systems", "_suites", "_site"} & set(path.parts))
HEAVY = ("numba", "llvmlite", "torch", "xarray", "zarr", "pandas", "scipy")

# From low to high. A module may import its own area and areas before it; areas on one line may not import each other.
LAYERS = [
    {"errors"},
    {"arrays", "randomness", "identity", "geometry"},
    {"folders", "catalogue"},
    {"expressions"},
    {"kernels"},
    {"dynamics"},
    {"integrators", "compat"},
    {"accelerators"},
    {"facts"},
    {"initial", "event_record"},
    {"noisy_starts"},
    {"timescale"},
    {"requests"},
    {"settling", "certificate", "layout"},
    {"trajectories", "seals"},
    {"store"},
    {"generation", "invariants"},
    {"atlas"},
    {"remeasured", "blinding"},
    {"forecasters", "metrics"},
    {"suite_tracks"},
    {"suites"},
    {"plans", "rounds"},
    {"observations", "standardising"},
    {"tasks"},
    {"references"},
    {"wire"},
    {"isolation"},
    {"worker", "submissions"},
    {"submission_check", "submission_archive"},
    {"answers", "resampling", "records"},
    {"entrants", "scoring"},
    {"boards"},
    {"cells", "ranking", "skill", "costs", "record_differences"},
    {"pairwise"},
    {"mean_ranks"},
    {"charts"},
    {"evaluation", "trials", "verification"},
    {"tuning"},
    {"site"},
    {"demo"},
    {"cli"},
    {"__init__", "__main__"},
]
AREA_LAYER = {area: level for level, areas in enumerate(LAYERS) for area in areas}


def area_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(tree: ast.AST) -> list[tuple[str, ast.stmt]]:
    found: list[tuple[str, ast.stmt]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("chaosbench"):
            found += [(node.module, node)] if node.module != "chaosbench" else [(f"chaosbench.{alias.name}", node) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, node) for alias in node.names if alias.name.startswith("chaosbench.")]
    return found


def functions_of(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_lower_layers(path: Path) -> None:
    area = area_of(path)
    assert area in AREA_LAYER, f"{area} has no layer; add it to LAYERS"
    for module, _ in imports_of(ast.parse(path.read_text())):
        other = module.split(".")[1] if "." in module else "__init__"
        if other == area or not ((PACKAGE / other).exists() or (PACKAGE / f"{other}.py").exists()):
            continue
        assert AREA_LAYER[other] < AREA_LAYER[area], f"{path.name} (layer of {area}) imports {module} (same layer or higher)"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_stand_at_the_top_except_in_the_command_line(path: Path) -> None:
    if area_of(path) == "cli":
        return
    for function in functions_of(ast.parse(path.read_text())):
        inner = [node for node in ast.walk(function) if isinstance(node, (ast.Import, ast.ImportFrom))]
        assert not inner, f"{path.name}: {function.name} imports inside its body"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300, f"{path.name} has {text.count(chr(10))} lines; 300 is the most"
    for function in functions_of(ast.parse(text)):
        body = function.body[1:] if ast.get_docstring(function) else function.body
        lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        assert lines <= 100, f"{path.name}: {function.name} has {lines} body lines; 60 is the aim, 100 the most"


def test_the_median_file_is_short() -> None:
    sizes = sorted(path.read_text().count("\n") for path in FILES)
    assert sizes[len(sizes) // 2] <= 130


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_text_is_ever_evaluated(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}, f"{path.name} calls {node.func.id}"
        if isinstance(node, (ast.Name, ast.Attribute)):
            name = node.id if isinstance(node, ast.Name) else node.attr
            assert name not in {"lambdify", "pickle"}, f"{path.name} uses {name}"


def string_constants(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) and isinstance(node.body[0], ast.Expr)
    }
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation]


def test_no_file_of_the_package_names_a_plug_in_or_a_system() -> None:
    stems = {name for kind in PLUGIN_KINDS for name in names(kind)} | set(system_files())
    # zeros is also NumPy's function, standard an English word, circle sine and cosine at once, torus a task of trials, and
    # measured facts carry two quantities under the names of their invariants
    shared_words = {"zeros", "standard", "circle", "torus"} | {field.name for field in fields(Facts)}
    for path in FILES:
        if path.stem in stems:
            continue
        named = stems.intersection(string_constants(path)) - shared_words
        named |= {module for module, _ in imports_of(ast.parse(path.read_text())) if module.rpartition(".")[2] in stems}
        assert not named, f"{path.relative_to(PACKAGE)} names {sorted(named)}; a list kept by hand is the bug"


def loaded_by(code: str) -> set[str]:
    probe = f"import sys\n{code}\nprint(' '.join(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [None, ["--help"], ["list"], ["list", "--json"], ["list", "forecasters"]], ids=str)
def test_looking_around_loads_nothing_heavy(arguments: list[str] | None) -> None:
    run = "" if arguments is None else f"from chaosbench.cli.main import app\ntry:\n    app({arguments!r})\nexcept SystemExit:\n    pass"
    assert loaded_by("import chaosbench\n" + run) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["list"]], ids=str)
def test_looking_around_is_quick(arguments: list[str]) -> None:
    code = "import sys, time; start = time.process_time()\nfrom chaosbench.cli.main import app\n"
    code += f"try:\n    app({arguments!r})\nexcept SystemExit:\n    pass\nprint(time.process_time() - start, file=sys.stderr)"
    seconds = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.split()[-1]) for _ in range(5)]
    assert min(seconds) < 0.4, f"{arguments} took {min(seconds):.2f} s at best; 0.4 s is the most"
