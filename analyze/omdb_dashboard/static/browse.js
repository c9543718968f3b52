// The table of the titles that the filters leave. Sorting, columns and page are in the address too.

const PAGE_LENGTH = 50;
const DEFAULT_SORT = "-imdb_votes";

// `value` is what is sorted and exported; `show` makes nodes of it, if it is more than text.
const COLUMNS = [
  { name: "title", label: "Title", show: titleLink, isFixed: true },
  { name: "kind", label: "Kind" },
  { name: "year", label: "Year", isNumber: true, isYear: true, isDefault: true },
  { name: "imdb_rating", label: "Rating", isNumber: true, digits: 1, isDefault: true },
  { name: "imdb_votes", label: "Votes", isNumber: true, isDefault: true },
  { name: "critics", label: "Critics", isNumber: true },
  { name: "runtime_minutes", label: "Runtime", isNumber: true, isDefault: true },
  { name: "box_office", label: "Box office", isNumber: true },
  { name: "award_wins", label: "Awards won", isNumber: true },
  { name: "award_nominations", label: "Nominations", isNumber: true },
  { name: "certificate", label: "Certificate", isDefault: true },
  { name: "released", label: "Released" },
  { name: "genres", label: "Genres", isDefault: true },
  { name: "countries", label: "Countries" },
  { name: "languages", label: "Languages" },
  { name: "directors", label: "Directors", show: (title) => names(title.directors), isDefault: true },
  { name: "writers", label: "Writers", show: (title) => names(title.writers) },
  { name: "actors", label: "Actors", show: (title) => names(title.actors) },
  { name: "imdb_id", label: "IMDb id" },
];

function showBrowse(data, { parameters }, titles) {
  const columns = chosenColumns(parameters.columns);
  const sorted = sortTitles(titles, parameters.sort || DEFAULT_SORT);
  const pages = Math.max(1, Math.ceil(sorted.length / PAGE_LENGTH));
  const page = Math.min(Math.max(1, Number.parseInt(parameters.page, 10) || 1), pages);
  const shown = sorted.slice((page - 1) * PAGE_LENGTH, page * PAGE_LENGTH);
  fillBrowseTable(data, columns, parameters.sort || DEFAULT_SORT, shown);
  document.getElementById("browse-empty").hidden = sorted.length > 0;
  showPaging(data, page, pages);
  showColumnChooser(data, columns);
  showSortChooser(data, parameters.sort || DEFAULT_SORT);
  document.getElementById("browse-download").onclick = () => download("titles.csv", csvOf(columns, sorted));
}

function chosenColumns(parameter) {
  const chosen = parameter?.split(",");
  return COLUMNS.filter((column) => column.isFixed || (chosen ? chosen.includes(column.name) : column.isDefault));
}

function valueOf(column, title) {
  const value = title[column.name];
  return (Array.isArray(value) ? value.join(", ") : value) || (value === 0 ? 0 : null);
}

// By a column's name, after a minus descending. Unknown values come last in both directions.
function sortTitles(titles, sort) {
  const isDescending = sort.startsWith("-");
  const column = COLUMNS.find((each) => each.name === sort.replace("-", "")) ?? COLUMNS[0];
  const direction = isDescending ? -1 : 1;
  const compare = column.isNumber ? (a, b) => a - b : new Intl.Collator("en", { sensitivity: "base", numeric: true }).compare;
  return titles.map((title) => [valueOf(column, title), title])
    .sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : direction * compare(a, b)))
    .map(([, title]) => title);
}

// The first click on a number sorts it descending, on a text ascending; the second the other way.
function nextSort(column, sort) {
  const first = column.isNumber ? `-${column.name}` : column.name;
  const second = column.isNumber ? column.name : `-${column.name}`;
  return sort === first ? second : first;
}

function fillBrowseTable(data, columns, sort, titles) {
  const table = document.getElementById("browse-table");
  table.tHead.replaceChildren(element("tr", { role: "row" }, ...columns.map((column) => {
    const button = element("button", { type: "button" }, column.label);
    button.addEventListener("click", () => setFilters(data, { sort: nextSort(column, sort), page: "" }));
    const direction = sort === column.name ? "ascending" : sort === `-${column.name}` ? "descending" : null;
    return element("th", { scope: "col", role: "columnheader", class: column.isNumber && "number", "aria-sort": direction }, button);
  })));
  // The roles stay when a narrow screen shows rows as cards.
  table.tBodies[0].replaceChildren(...titles.map((title) => element("tr", { role: "row" }, ...columns.map((column) =>
    element("td", { role: "cell", class: column.isNumber && "number", "data-label": column.label }, ...[cellOfTitle(column, title)].flat())))));
}

function cellOfTitle(column, title) {
  const value = valueOf(column, title);
  if (value === null && !column.isFixed) return "–";
  if (column.show) return column.show(title);
  if (!column.isNumber) return isolated(value);
  if (column.digits) return value.toFixed(column.digits);
  return column.isYear ? String(value) : formatNumber(value);
}

function showPaging(data, page, pages) {
  const paging = document.getElementById("browse-paging");
  const [previous, place, next] = paging.children;
  paging.hidden = pages === 1;
  place.textContent = `Page ${page} of ${formatNumber(pages)}`;
  for (const [button, target] of [[previous, page - 1], [next, page + 1]]) {
    button.disabled = target < 1 || target > pages;
    button.onclick = () => {
      setFilters(data, { page: target === 1 ? "" : String(target) });
      document.getElementById("browse-heading").scrollIntoView();
    };
  }
}

function showColumnChooser(data, columns) {
  const chooser = document.getElementById("browse-columns");
  if (!chooser.querySelector("input")) {
    chooser.append(...COLUMNS.filter((column) => !column.isFixed).map((column) =>
      element("label", {}, element("input", { type: "checkbox", value: column.name }), " ", column.label)));
  }
  const boxes = [...chooser.querySelectorAll("input")];
  for (const box of boxes) box.checked = columns.some((column) => column.name === box.value);
  chooser.onchange = () => {
    const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
    const isDefault = COLUMNS.every((column) => column.isFixed || chosen.includes(column.name) === Boolean(column.isDefault));
    // None but the title is a choice, too.
    setFilters(data, { columns: isDefault ? "" : chosen.join(",") || "title" });
  };
}

// Where rows are cards, there are no headings to click on.
function showSortChooser(data, sort) {
  const select = document.getElementById("browse-sort");
  if (!select.options.length) {
    fillSelect(select, COLUMNS.map((column) => nextSort(column, "")), COLUMNS.map((column) => column.label));
  }
  select.value = sort;
  select.onchange = () => setFilters(data, { sort: select.value, page: "" });
}

// A spreadsheet takes a text that begins with one of these as a formula.
const FORMULA = /^[=+\-@\t\r\n]/;

function csvOf(columns, titles) {
  const lines = [columns.map((column) => column.label), ...titles.map((title) => columns.map((column) => valueOf(column, title)))];
  return lines.map((values) => values.map(csvValue).join(",")).join("\r\n") + "\r\n";
}

function csvValue(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function download(name, text) {
  // With the mark of its encoding, without which Excel takes another.
  const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  element("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
