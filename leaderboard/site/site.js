"use strict";
// Every page works without this file: it adds sorting everywhere, and on the overview tabs, filters and bars.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const numberIn = (cell) => { const text = cell.firstChild ? cell.firstChild.textContent.trim() : ""; return text === "0" ? 0 : parseFloat(text.replace(/[\u2265<]/, "")); };

const nameIn = (row) => (row.cells[0].querySelector("a") || row.cells[0]).textContent;

function sortable(table) {
  all("thead th", table).forEach((head, column) => {
    const label = head.firstChild, button = document.createElement("button");
    button.type = "button";
    head.replaceChild(button, label);
    button.append(label);
    const arrow = document.createElement("span");
    arrow.setAttribute("aria-hidden", "true");
    button.append(arrow);
    head.arrow = arrow;
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending" || (head.getAttribute("aria-sort") !== "descending" && head.dataset.better === "higher");
      sortBy(table, column, down);
    });
  });
}

function sortBy(table, column, down) {
  const body = table.tBodies[0], heads = all("thead th", table);
  const key = (row) => column === 0 ? nameIn(row) : numberIn(row.cells[column]);
  const rows = [...body.rows].map((row) => [row, key(row)]);
  rows.sort(([a, p], [b, q]) => {
    const apart = a.classList.contains("reference") - b.classList.contains("reference");
    if (apart) return apart;
    if (column === 0) return (p < q ? -1 : p > q ? 1 : 0) * (down ? -1 : 1);
    if (Number.isNaN(p) || Number.isNaN(q)) return Number.isNaN(p) - Number.isNaN(q);
    return (p - q) * (down ? -1 : 1);
  });
  body.append(...rows.map(([row]) => row));
  heads.forEach((head, index) => {
    if (index === column) head.setAttribute("aria-sort", down ? "descending" : "ascending"); else head.removeAttribute("aria-sort");
    if (head.arrow) head.arrow.textContent = index === column ? (down ? " \u2193" : " \u2191") : "";
  });
}

function bars(table) {
  const cells = all("tbody tr", table).map((row) => row.cells[1]).filter((cell) => cell && !Number.isNaN(numberIn(cell)));
  const ends = cells.map((cell) => (cell.querySelector("small") || cell).textContent.split(" to ").map(parseFloat));
  const largest = Math.max(1e-9, ...cells.map(numberIn), ...ends.map((pair) => pair[1] || 0));
  cells.forEach((cell, index) => {
    const old = cell.querySelector(".bar"), bar = old || document.createElement("span");
    const share = (value) => `${(100 * Math.max(0, Math.min(1, value / largest))).toFixed(1)}%`;
    bar.className = "bar";
    bar.style.setProperty("--v", share(numberIn(cell)));
    bar.style.setProperty("--l", share(ends[index][0] || 0));
    bar.style.setProperty("--u", share(ends[index][1] || ends[index][0] || 0));
    if (!old) cell.append(bar);
  });
}

function tabs() {
  const list = document.querySelector(".tabs"), links = all("a", list), panels = all(".panel");
  list.setAttribute("role", "tablist");
  links.forEach((link, index) => {
    link.parentElement.setAttribute("role", "presentation");
    link.setAttribute("role", "tab");
    link.id = "tab." + panels[index].id;
    link.setAttribute("aria-controls", panels[index].id);
    panels[index].setAttribute("role", "tabpanel");
    panels[index].setAttribute("aria-labelledby", link.id);
    link.addEventListener("click", (event) => { event.preventDefault(); select(index); });
    link.addEventListener("keydown", (event) => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: links.length - 1, " ": index }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      select((to + links.length) % links.length);
      links[(to + links.length) % links.length].focus();
    });
  });
  const select = (chosen, keep = true) => {
    links.forEach((link, index) => {
      link.setAttribute("aria-selected", String(index === chosen));
      link.tabIndex = index === chosen ? 0 : -1;
      panels[index].hidden = index !== chosen;
    });
    for (const link of all("a.picture", panels[chosen])) {  // a copy of this file alone keeps the words
      const picture = new Image();
      picture.alt = link.textContent;
      picture.onload = () => link.replaceChildren(picture);
      picture.src = link.href;
      link.classList.remove("picture");
    }
    if (keep) history.replaceState(null, "", "#" + panels[chosen].id);
  };
  const wanted = () => panels.findIndex((panel) => panel.id === decodeURIComponent(location.hash.slice(1)));
  window.addEventListener("hashchange", () => { if (wanted() >= 0) select(wanted(), false); });
  select(Math.max(0, wanted()), false);
}

function filters(data) {
  const form = document.querySelector(".filters"), field = (name) => form.elements[name];
  const places = new Map(data.names.map((name, place) => [name, place])), placeOf = (row) => places.get(nameIn(row));
  const option = (name, value, text) => { if (field(name)) field(name).append(new Option(text, value)); };
  for (const family of [...new Set(data.about.map((about) => about[0]))].sort()) option("family", family, family);
  for (const kind of [...new Set(Object.values(data.kinds).flatMap(Object.keys))].sort()) option("kind", kind, kind);
  const shows = (row) => {
    const [family, device, seconds, reference] = data.about[placeOf(row)], most = Number(field("seconds").value || Infinity);
    const words = field("name").value.trim().toLowerCase();
    return (!field("family").value || family === field("family").value) && (!field("device").value || device === field("device").value)
      && (most === Infinity || (seconds !== null && seconds <= most)) && (!reference || field("references").checked)
      && (!words || nameIn(row).toLowerCase().includes(words));
  };
  const ofKind = (panel, kind) => {
    const table = panel.querySelector(".scores"), found = kind && data.kinds[panel.id] && data.kinds[panel.id][kind];
    for (const row of table.tBodies[0].rows) {
      row.whole = row.whole || row.cells[1].innerHTML;
      const values = found && found[1][placeOf(row)] && found[1][placeOf(row)].split(" ");
      if (!values) row.cells[1].innerHTML = row.whole;
      else { const small = document.createElement("small"); small.textContent = values[1] + " to " + values[2]; row.cells[1].replaceChildren(values[0], small); }
      [...row.cells].slice(2).forEach((cell) => { cell.hidden = Boolean(kind); });
    }
    all("thead th", table).slice(2).forEach((cell) => { cell.hidden = Boolean(kind); });
    const said = panel.querySelector(".kind");
    said.hidden = !kind;
    said.textContent = found ? `Below: only the ${found[0]} ${kind} of this track; the sentence above and the numbers before names are over all its systems.` : `This track has no ${kind}; below are all its systems.`;
    bars(table);
    if (kind || table.dataset.kind) sortBy(table, 1, all("thead th", table)[1].dataset.better === "higher");
    table.dataset.kind = kind;
  };
  let last = "";
  const apply = () => {
    const kind = field("kind") ? field("kind").value : "";
    if (kind !== last) { all(".panel").forEach((panel) => ofKind(panel, kind)); last = kind; }
    let shown = 0, total = 0;
    for (const row of all(".scores tbody tr")) {
      row.hidden = !shows(row);
      if (!row.closest(".panel").hidden) { total += 1; shown += !row.hidden; }
    }
    form.querySelector("output").textContent = `${shown} of ${total} shown`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
}

all("table.scores, table.sorts").forEach(sortable);
if (document.querySelector(".panel")) {
  all(".panel .scores").forEach(bars);
  tabs();
  filters(JSON.parse(document.getElementById("page.data").textContent));
}
