// Draws the charts with the rows that the filters leave, and keeps their text alternatives in step.

// Vega's views by the name of the chart.
const drawn = new Map();

// Expressions are interpreted (`ast`), because the page's policy forbids `eval`. Level 1 is errors:
// Vega warns of each scale without values, as of a chart of years without movies.
const EMBED_OPTIONS = { ast: true, actions: false, renderer: "svg", logLevel: 1 };

// One drawing at a time; a later one ends those before it.
let drawing = Promise.resolve();
let latestDrawing = 0;

// `rowsOf` gives the rows of a dataset, `findingOf` what they say in a sentence.
async function drawCharts(data, section, rowsOf, findingOf) {
  latestDrawing += 1;
  const number = latestDrawing;
  const before = drawing;
  const draw = async () => {
    await before;
    for (const figure of section.querySelectorAll("[data-chart]")) {
      if (number !== latestDrawing) return;
      await drawChart(data.charts[figure.dataset.chart], figure, rowsOf, findingOf);
      // The browser shows it before the next is drawn.
      await new Promise((resolve) => setTimeout(resolve));
    }
  };
  drawing = draw();
  await drawing;
}

async function drawChart({ spec, dataset, needs, columns, top }, figure, rowsOf, findingOf) {
  const name = figure.dataset.chart;
  const all = rowsOf(dataset).filter((row) => needs.every((field) => row[field] !== null));
  figure.querySelector(".finding").textContent = findingOf(dataset, all);
  const rows = withoutFirst(figure, all, top);
  const canvas = figure.querySelector(".canvas");
  const details = figure.querySelector("details");
  canvas.hidden = details.hidden = rows.length === 0;
  figure.querySelector(".empty").hidden = rows.length > 0;
  details.ontoggle = () => updateTable(details, columns, rows);
  updateTable(details, columns, rows);
  if (rows.length === 0) return;
  if (drawn.has(name)) {
    await drawn.get(name).data("rows", copies(rows)).runAsync();
  } else {
    drawn.set(name, await embed(canvas, spec, rows));
    drawn.get(name).addEventListener("click", (_event, item) => openRow(item?.datum));
  }
}

// Leaves the first row out if the reader says so, and draws again when that changes.
function withoutFirst(figure, rows, top) {
  const box = figure.querySelector("[data-leave-out]");
  if (!box) return rows;
  box.closest("label").hidden = rows.length < 2;
  box.nextElementSibling.textContent = `Leave out ${rows[0]?.name}`;
  box.onchange = () => dispatchEvent(new Event("redraw"));
  return box.checked ? rows.slice(1) : rows.slice(0, top);
}

async function embed(canvas, spec, rows) {
  const complete = { ...spec, datasets: { ...spec.datasets, rows: copies(rows) } };
  const { view } = await vegaEmbed(canvas, complete, EMBED_OPTIONS);
  // The canvas has a label and a table with the same data.
  canvas.querySelector("svg").setAttribute("aria-hidden", "true");
  return view;
}

// Vega adds a key of its own to each row.
function copies(rows) {
  return rows.map((row) => ({ ...row }));
}

// The address of the title that a row is, or of the titles that it counts.
function addressOfRow(row) {
  if (row?.opens) return browseAddress(row.opens);
  return row?.imdb_id ? titleAddress(row) : null;
}

function openRow(row) {
  const address = addressOfRow(row);
  if (address) location.hash = address;
}

function updateTable(details, columns, rows) {
  if (!details.open) return;
  const isNumeric = (field) => !isYear(field) && typeof rows[0]?.[field] === "number";
  const head = element("tr", {}, ...columns.map(([field, label]) =>
    element("th", { scope: "col", class: isNumeric(field) && "number" }, label)));
  const body = rows.map((row) => element("tr", {}, ...columns.map(([field], i) =>
    element("td", { class: isNumeric(field) && "number" }, cellOf(row, field, i === 0 && addressOfRow(row), isNumeric(field))))));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  details.querySelector(".scroll").replaceChildren(table);
}

function cellOf(row, field, address, isNumeric) {
  const text = isNumeric ? formatNumber(row[field]) : isolated(row[field] ?? "–");
  return address ? element("a", { href: address }, text) : text;
}

function isYear(field) {
  return field === "year" || field === "decade";
}

// A range of years dragged on the chart of years sets the filter; it is drawn there as well.
function listenToBrush(data) {
  const view = drawn.get("titles-by-year");
  if (!view || view.listensToBrush) return;
  view.listensToBrush = true;
  let pending = null;
  view.addSignalListener("brush", (_name, { year }) => {
    clearTimeout(pending);
    if (!year?.length) return;
    pending = setTimeout(() => setFilters(data, { from: Math.min(...year), to: Math.max(...year) }), 120);
  });
}

// A range that is no longer that of the filter is not drawn.
function showYears(from, to) {
  const view = drawn.get("titles-by-year");
  if (!view) return;
  view.signal("year_from", from ? Number(from) : null).signal("year_to", to ? Number(to) : null);
  if (!from && !to) view.data("brush_store", []);
  view.run();
}
