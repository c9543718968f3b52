// Filters: which titles the charts, figures, lists and Browse show. They are in the address, and
// only there.

// By parameter of the address: from its value, a condition of titles.
const CONDITIONS = {
  kind: (value) => (title) => value === "all" || title.kind === value,
  from: (value) => (title) => title.year !== null && title.year >= Number(value),
  to: (value) => (title) => title.year !== null && title.year <= Number(value),
  genre: (value) => (title) => title.genres.includes(value),
  country: (value) => (title) => title.countries.includes(value),
  language: (value) => (title) => title.languages.includes(value),
  certificate: (value) => (title) => title.certificate === value,
  rating: (value) => (title) => title.imdb_rating !== null && title.imdb_rating >= Number(value),
  rating_to: (value) => (title) => title.imdb_rating !== null && title.imdb_rating <= Number(value),
  person: (value) => (title) => ROLES.some((role) => title[role]?.includes(value)),
  q: (value) => (title) => title.title?.toLowerCase().includes(value.toLowerCase()),
};

const ROLES = ["directors", "writers", "actors"];

// Without a kind, movies.
function titlesWith(data, parameters) {
  const conditions = Object.entries({ kind: "movie", ...parameters })
    .filter(([name, value]) => name in CONDITIONS && value)
    .map(([name, value]) => CONDITIONS[name](value));
  return data.titles.filter((title) => conditions.every((condition) => condition(title)));
}

function setUpFilters(data) {
  const form = document.getElementById("filters");
  const years = data.titles.map((title) => title.year).filter((year) => year !== null);
  const [first, last] = years.reduce(([low, high], year) => [Math.min(low, year), Math.max(high, year)], [Infinity, -Infinity]);
  const range = years.length ? Array.from({ length: last - first + 1 }, (_, i) => first + i) : [];
  for (const [name, values] of [
    ["from", range],
    ["to", range],
    ["genre", uniqueSorted(data.titles.flatMap((title) => title.genres))],
    ["country", uniqueSorted(data.titles.flatMap((title) => title.countries))],
    ["language", uniqueSorted(data.titles.flatMap((title) => title.languages))],
    ["certificate", uniqueSorted(data.titles.map((title) => title.certificate).filter((value) => value !== null))],
  ]) {
    fillSelect(form.elements[name], values);
  }
  form.addEventListener("input", (event) => setFilters(data, { [event.target.name]: event.target.value.trim() }));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    setFilters(data, Object.fromEntries(Object.keys(CONDITIONS).map((name) => [name, ""])));
  });
}

// Changes filters of the address, and shows what they leave.
function setFilters(data, changes) {
  const { view, parameters } = readAddress();
  history.replaceState(null, "", addressOf(view || "movies", { ...parameters, ...changes }));
  return route(data, {});
}

// The form shows the filters of the address; those of Browse alone only there.
function showFilters(view, parameters) {
  const form = document.getElementById("filters");
  const bar = document.getElementById("filter-bar");
  bar.hidden = !isFiltered(view);
  if (bar.hidden) return;
  for (const label of form.querySelectorAll("[data-only]")) label.hidden = label.dataset.only !== view;
  for (const field of form.elements) {
    // What is being typed stays as it is.
    if (field.name && field !== document.activeElement) field.value = parameters[field.name] ?? "";
  }
}
