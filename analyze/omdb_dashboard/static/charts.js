// Draws the charts, keeps their text alternatives in step, and applies the selection of years.

const views = new Map();

// Expressions are interpreted (`ast`), because the page's policy forbids `eval`. Level 1 is errors:
// Vega warns of each scale without values, as of a chart of years without movies.
const EMBED_OPTIONS = { ast: true, actions: false, renderer: "svg", logLevel: 1 };

async function drawCharts(data, section) {
  const figures = section.querySelectorAll("[data-chart]:not([data-drawn])");
  await Promise.all([...figures].map((figure) => drawChart(data, figure)));
}

async function drawChart(data, figure) {
  figure.dataset.drawn = "";
  const { spec, dataset, select, needs, columns } = data.charts[figure.dataset.chart];
  const rows = data.reports[dataset].filter((row) =>
    Object.entries(select).every(([field, value]) => row[field] === value)
    && needs.every((field) => row[field] !== null),
  );
  const canvas = figure.querySelector(".canvas");
  if (rows.length === 0) {
    canvas.hidden = true;
    figure.querySelector(".alternative").hidden = true;
    figure.querySelector(".empty").hidden = false;
    return;
  }
  const view = await embed(canvas, spec, rows);
  const chart = { view, figure, columns };
  views.set(figure.dataset.chart, chart);
  await applyYears(chart);
  figure.querySelector("details").addEventListener("toggle", () => updateTable(chart));
  view.addEventListener("click", (_event, item) => {
    if (item?.datum?.imdb_id) location.hash = `#movie/${item.datum.imdb_id}`;
  });
}

async function embed(canvas, spec, rows) {
  const complete = { ...spec, datasets: { ...spec.datasets, rows } };
  const { view } = await vegaEmbed(canvas, complete, EMBED_OPTIONS);
  // The canvas has a label and a table with the same data.
  canvas.querySelector("svg").setAttribute("aria-hidden", "true");
  return view;
}

async function applyYears(chart) {
  const { view } = chart;
  if ("year_from" in view.getState().signals) {
    await view.signal("year_from", selectedYears.from).signal("year_to", selectedYears.to).runAsync();
  }
  updateTable(chart);
}

// Names that Vega-Lite gives: of a single mark, of the first layer, and of the points of its line.
const DATA_MARKS = ["marks", "layer_0_marks", "layer_0_layer_1_marks"];

// The rows of the marks that are drawn: what is seen and what is read are the same.
function drawnRows(view) {
  const rows = [];
  const visit = (item) => {
    if (item.marktype && DATA_MARKS.includes(item.name)) {
      collect(item, rows);
    } else {
      (item.items ?? []).forEach(visit);
    }
  };
  visit(view.scenegraph().root);
  return rows;
}

function collect(mark, rows) {
  for (const item of mark.items ?? []) {
    if (item.items) item.items.forEach((child) => collect(child, rows));
    else rows.push(item.datum);
  }
}

function updateTable({ view, figure, columns }) {
  const details = figure.querySelector("details");
  if (!details.open) return;
  const rows = drawnRows(view);
  const isNumeric = (field) => !isYear(field) && typeof rows[0]?.[field] === "number";
  const head = element("tr", {}, ...columns.map(([field, label]) =>
    element("th", { scope: "col", class: isNumeric(field) && "number" }, label)));
  const body = rows.map((row) => element("tr", {}, ...columns.map(([field]) =>
    isNumeric(field)
      ? numberCell(formatNumber(row[field]))
      : element("td", {}, isolated(row[field] ?? "–")))));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  details.querySelector(".scroll").replaceChildren(table);
}

function isYear(field) {
  return field === "year" || field === "decade";
}

function setUpYearFilter(data, onChange) {
  const form = document.getElementById("year-filter");
  if (!form) return;
  // All years between the first and the last, as on the chart, even those without movies.
  const [first, last] = [0, -1].map((i) => data.reports.rpt_movies_by_year.at(i)?.year);
  const years = first ? Array.from({ length: last - first + 1 }, (_, i) => first + i) : [];
  const { from, to } = form.elements;
  fillSelect(from, ["", ...years], ["first year", ...years]);
  fillSelect(to, ["", ...years], ["last year", ...years]);
  const select = (lower, upper) => {
    selectedYears.from = lower;
    selectedYears.to = upper;
    from.value = lower ?? "";
    to.value = upper ?? "";
    describeYears(data);
    for (const chart of views.values()) applyYears(chart);
    onChange();
  };
  form.addEventListener("change", () => {
    clearBrush();
    select(from.value ? Number(from.value) : null, to.value ? Number(to.value) : null);
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    clearBrush();
    select(null, null);
  });
  describeYears(data);
  listenToBrush(select);
}

function listenToBrush(select) {
  const view = views.get("movies-by-year")?.view;
  if (!view) return;
  let pending = null;
  view.addSignalListener("brush", (_name, { year }) => {
    clearTimeout(pending);
    if (year?.length) pending = setTimeout(() => select(Math.min(...year), Math.max(...year)), 120);
    else if (!clearing) pending = setTimeout(() => select(null, null), 120);
  });
}

let clearing = false;

function clearBrush() {
  const view = views.get("movies-by-year")?.view;
  if (!view || view.data("brush_store").length === 0) return;
  clearing = true;
  view.data("brush_store", []).run();
  clearing = false;
}

function describeYears(data) {
  const rows = data.reports.rpt_movies_by_year.filter((row) => isInSelectedYears(row.year));
  const movies = rows.reduce((sum, row) => sum + row.movies, 0);
  document.getElementById("year-filter-result").textContent =
    `${formatNumber(movies)} movies of ${formatNumber(rows.length)} ${rows.length === 1 ? "year" : "years"}`;
}
