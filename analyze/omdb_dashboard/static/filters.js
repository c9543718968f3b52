// Filters: which titles the charts, figures, lists and Browse show. They are in the address, and
// only there.

// By parameter of the address: from its value (and the data), a condition of titles.
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
  q: (value, data) => {
    const found = new Set(findEntries(indexOf(data).titles, value).map(({ title }) => title));
    return (title) => found.has(title);
  },
};

const ROLES = ["directors", "writers", "actors"];

// Without a kind, movies.
function titlesWith(data, parameters) {
  const conditions = Object.entries({ kind: "movie", ...parameters })
    .filter(([name, value]) => Object.hasOwn(CONDITIONS, name) && value)
    .map(([name, value]) => CONDITIONS[name](value, data));
  return data.titles.filter((title) => conditions.every((condition) => condition(title)));
}

function setUpFilters(data) {
  const form = document.getElementById("filters");
  const { titles } = data;
  for (const [name, values] of [
    ["from", yearsOf(titles)],
    ["to", yearsOf(titles)],
    ["genre", valuesOf(titles, "genres")],
    ["country", valuesOf(titles, "countries")],
    ["language", valuesOf(titles, "languages")],
    ["certificate", valuesOf(titles, "certificate")],
  ]) {
    fillSelect(form.elements[name], values);
  }
  form.addEventListener("input", (event) => setFilters(data, { [event.target.name]: event.target.value.trim() }));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    document.activeElement.blur();
    setFilters(data, Object.fromEntries(Object.keys(CONDITIONS).map((name) => [name, ""])));
  });
  setUpDrawer(form);
}

// Titles with the same list share it, so that few lists are left to look into.
function valuesOf(titles, field) {
  return uniqueSorted([...new Set(titles.map((title) => title[field]))].flat().filter((value) => value !== null));
}

// All years from the first to the last, even those without titles.
function yearsOf(titles) {
  const years = valuesOf(titles, "year");
  return years.length ? Array.from({ length: years.at(-1) - years[0] + 1 }, (_, i) => years[0] + i) : [];
}

// On a narrow screen the filters are in a drawer.
function setUpDrawer(form) {
  const button = document.getElementById("filters-open");
  const toggle = (isOpen) => {
    form.classList.toggle("open", isOpen);
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) form.elements.kind.focus();
    else button.focus();
  };
  button.addEventListener("click", () => toggle(!form.classList.contains("open")));
  document.getElementById("filters-close").addEventListener("click", () => toggle(false));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && form.classList.contains("open")) toggle(false);
  });
}

// Changes parameters of the address, and shows what they leave, from the first page.
function setFilters(data, changes) {
  const { view, parameters } = readAddress();
  history.replaceState(null, "", addressOf(view || "movies", { ...parameters, page: "", ...changes }));
  return route(data, {});
}

// The form shows the filters of the address; those of Browse alone only there.
function showFilters(data, view, parameters, titles) {
  const form = document.getElementById("filters");
  const bar = document.getElementById("filter-bar");
  bar.hidden = !isFiltered(view);
  if (bar.hidden) return;
  for (const label of form.querySelectorAll("[data-only]")) label.hidden = label.dataset.only !== view;
  for (const field of form.elements) {
    // What is being typed stays as it is.
    if (field.name && field !== document.activeElement) field.value = parameters[field.name] ?? "";
  }
  document.getElementById("filter-result").textContent =
    `${formatNumber(titles.length)} ${nounOf(parameters.kind, titles.length)}`;
  document.getElementById("filter-chips").replaceChildren(
    ...Object.entries(parameters).filter(([name]) => Object.hasOwn(CONDITIONS, name) && name !== "kind")
      .map(([name, value]) => filterChip(data, name, value)));
}

const CHIP_LABELS = { q: "search", rating: "rating from", rating_to: "rating to" };

// A filter in force, which a click removes.
function filterChip(data, name, value) {
  const label = `${CHIP_LABELS[name] ?? name}: ${value}`;
  const chip = element("button", { type: "button", class: "chip", "aria-label": `Remove the filter ${label}` }, isolated(label));
  chip.addEventListener("click", () => setFilters(data, { [name]: "" }));
  return chip;
}

function nounOf(kind, number) {
  const [singular, plural] = NOUNS[kind || "movie"] ?? NOUNS.all;
  return number === 1 ? singular : plural;
}

const NOUNS = {
  movie: ["movie", "movies"],
  series: ["series", "series"],
  game: ["game", "games"],
  all: ["title", "titles"],
};
