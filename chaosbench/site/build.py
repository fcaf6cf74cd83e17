"""Write the pages: an overview that is whole in one file, a page for each forecaster and system, how to read and to submit, tables for programs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from chaosbench import __version__
from chaosbench.catalogue import data_folder
from chaosbench.charts import critical_difference_svg, pareto_svg
from chaosbench.folders import write_whole
from chaosbench.records import Record, write_record
from chaosbench.site.model_page import model_context
from chaosbench.site.system_page import system_context, systems_of
from chaosbench.site.tables import results_csv, results_json
from chaosbench.site.views import page_data
from chaosbench.site.wording import counted, number, seconds, slug_of, title_of

_LIGHT, _DARK = "#1b1f24", "#e6e9ec"  # ink of pictures that stand in files of their own
_NUMBERS = 1_000  # in the tables of index.html, beyond which only those of the headline have their intervals there
_INSIDE = 40_000  # characters of pictures of tracks that index.html holds; later tracks have files


def build_page(records: Sequence[Record], folder: str | Path, data: Mapping[str, Any] | None = None) -> Path:
    """Write the pages into `folder` with the records they were made from, and return the path of index.html, which needs no other file.

    data: what `page_data(records)` returned, where the caller has it already. Beside index.html: models/ and systems/ with a page each, reading.html,
    submitting.html, site.css and site.js of these, pictures/, results.json and results.csv, records/. Files of an earlier build that these records do
    not make are left alone. Raises RecordError for no records, or records of different suites.
    """
    target = Path(folder)
    data = data or page_data(records)
    (target / "records").mkdir(parents=True, exist_ok=True)
    for record in records:
        write_record(record, target / "records")
    source = data_folder("_site", "leaderboard/site")
    make = _environment(source, data)
    for name in ("site.css", "site.js"):
        write_whole(target / name, (source / name).read_text(encoding="utf-8"))
    write_whole(target / "results.json", results_json(data))
    write_whole(target / "results.csv", results_csv(data))
    exponents: dict[str, str | None] = {}
    for name in systems_of(data):
        context = system_context(name, records, data)
        exponents[name] = context["exponent"]
        write_whole(target / "systems" / f"{slug_of(name)}.html", make.get_template("system.html").render(context, root="../", here=name))
    for record in records:
        context = model_context(record, data) | {"exponents": exponents}
        page = make.get_template("model.html").render(context, root="../", here=record.label)
        write_whole(target / data["forecasters"][record.label]["page"], page)
    for name, title in (("reading", "How to read a score"), ("submitting", "How to submit")):
        write_whole(target / f"{name}.html", make.get_template(f"{name}.html").render(root="", here=title))
    pictures, inside = _pictures(data), 0
    apart = set()
    for track, of_track in pictures.items():
        inside += sum(map(len, of_track.values()))
        if inside > _INSIDE:
            apart.add(track)
            for which, svg in of_track.items():
                write_whole(target / "pictures" / f"{track}-{which}.svg", _alone(svg))
    inline = {"css": Markup((source / "site.css").read_text(encoding="utf-8")), "js": Markup((source / "site.js").read_text(encoding="utf-8"))}
    numbers = sum(len(view["rows"]) * len(view["rows"][0]["cells"]) for view in data["views"] if view["task"] is None)
    page = make.get_template("index.html").render(
        brief=numbers > _NUMBERS, inline=inline, pictures=pictures, apart=apart, systems=systems_of(data), embedded=_embedded(data), root="", here=""
    )
    write_whole(target / "index.html", page)
    return target / "index.html"


def _environment(source: Path, data: Mapping[str, Any]) -> Environment:
    """Return the templates with what all of them may use. Text is escaped; only drawings and what `_embedded` made safe are markup."""
    made = Environment(loader=FileSystemLoader(source), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    metrics = {metric["label"]: metric for metric in data["metrics"]}
    made.filters |= {"number": number, "seconds": seconds, "slug": slug_of, "title_of": title_of, "markup": Markup}
    made.globals |= {"data": data, "metrics": metrics, "version": __version__, "counted": counted}
    return made


def _embedded(data: Mapping[str, Any]) -> Markup:
    """Return what the overview's filters need, as JSON that cannot end its own element."""
    about = [[found["family"], found["device"], found["fit_seconds"], int(found["reference"])] for found in data["forecasters"].values()]
    kinds = {
        track["slug"]: {
            kind: [found["systems"], [" ".join(map(number, found["rows"].get(name, []))) for name in data["forecasters"]]]
            for kind, found in track["kinds"].items()
        }
        for track in data["tracks"]
    }
    text = json.dumps(
        {"names": list(data["forecasters"]), "about": about, "kinds": kinds}, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return Markup(text.replace("<", "\\u003c"))


def _pictures(data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return {track's slug: {"ranks": svg, "costs": svg}}, those that the track has."""
    found: dict[str, dict[str, str]] = {}
    for track in data["tracks"]:
        label = title_of(track["headline"])
        unit = next(metric["unit"] for metric in data["metrics"] if metric["label"] == track["headline"])
        of_track = {}
        if track["ranks"] is not None:
            of_track["ranks"] = critical_difference_svg(track["ranks"])
        if any(row["fit_seconds"] is not None for row in track["costs"]):
            of_track["costs"] = pareto_svg(track["costs"], "fit_seconds", f"{label}, {unit}", "seconds to fit a system")
        found[track["slug"]] = of_track
    return found


def _alone(svg: str) -> str:
    """Return a drawing as a file of its own, which knows no page to take its ink from."""
    style = f"<style>:root{{color:{_LIGHT}}}@media (prefers-color-scheme:dark){{:root{{color:{_DARK}}}}}</style>"
    head, _, rest = svg.partition(">")
    return f"{head}>{style}{rest}"
