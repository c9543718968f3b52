// Elements are made of text nodes only, so that what OMDb returned is never parsed as HTML.

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// Text whose direction does not affect its surroundings.
function isolated(text) {
  return element("bdi", {}, String(text));
}

function titleLink(title) {
  return element("a", { href: titleAddress(title) }, isolated(title.title ?? title.imdb_id));
}

function personLink(name) {
  return element("a", { href: personAddress(name) }, isolated(name));
}

function numberCell(text) {
  return element("td", { class: "number" }, text);
}

function formatNumber(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en-US");
}

function capitalized(text) {
  return text[0].toUpperCase() + text.slice(1);
}

// Never 0% of something, nor 100% without all.
function percentOf(part, whole) {
  const percent = Math.round((100 * part) / whole);
  if (percent === 0 && part > 0) return "<1%";
  return percent === 100 && part < whole ? ">99%" : `${percent}%`;
}

// "$858M"
function formatDollars(value) {
  return value.toLocaleString("en-US", { style: "currency", currency: "USD", notation: "compact", maximumSignificantDigits: 3 });
}

function fillTable(table, rows) {
  table.tBodies[0].replaceChildren(...rows.map((cells) => element("tr", {}, ...cells)));
}

function fillSelect(select, values, labels = values) {
  select.append(...values.map((value, i) => element("option", { value }, String(labels[i]))));
}

function uniqueSorted(values) {
  return [...new Set(values)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
