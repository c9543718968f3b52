// Shows the view that the address names. The address is the fragment of the URL, so that it can be
// shared and Back works:
//   #movies?from=1990&genre=Drama   #browse?kind=series&sort=-imdb_votes   #pipeline
//   #movie/tt0111161   #series/tt0407362   #person/Christopher%20Nolan

// Parameters of the filter bar, which links between filtered views carry.
const FILTER_PARAMETERS = ["kind", "from", "to", "genre", "country"];

// The filters in force, by parameter. Views without a filter bar leave them as they are.
let filters = {};

function readAddress() {
  const [path, query = ""] = location.hash.slice(1).split("?", 2);
  const [view, argument = ""] = path.split("/", 2);
  return { view, argument: unescaped(argument), parameters: Object.fromEntries(new URLSearchParams(query)) };
}

function barFilters(parameters) {
  return Object.fromEntries(FILTER_PARAMETERS.filter((name) => parameters[name]).map((name) => [name, parameters[name]]));
}

function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function addressOf(view, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "")).toString();
  return `#${view}${query && `?${query}`}`;
}

// Browse with the filters in force and those given; an empty value removes one.
function browseAddress(parameters) {
  return addressOf("browse", { ...filters, ...parameters });
}

function titleAddress(title) {
  return `#${title.kind === "series" ? "series" : "movie"}/${title.imdb_id}`;
}

function personAddress(name) {
  return `#person/${encodeURIComponent(name)}`;
}

// By view: called with the data, what the address says, and the titles that its filters leave.
// A view that is not listed has nothing to fill.
const SHOW = {
  movies: showOverview,
  browse: showBrowse,
  movie: (data, { argument }) => showMovie(data, argument),
  series: (data, { argument }) => showSeries(data, argument),
  person: (data, { argument }) => showPerson(data, argument),
  lists: showLists,
};

async function main() {
  const data = await readData();
  setUpFilters(data);
  setUpSearch(data);
  window.addEventListener("hashchange", () => route(data, { isNavigation: true }));
  window.addEventListener("redraw", () => route(data, {}));
  document.querySelector("[data-skip]").addEventListener("click", (event) => {
    // The fragment is the address of the view, so it is left alone.
    event.preventDefault();
    document.getElementById("main").focus();
  });
  await route(data, {});
  document.documentElement.dataset.ready = "";
  // Made and searched once before the first key: the first search of a text takes the longest.
  setTimeout(() => findEntries(indexOf(data).titles, "the"));
}

async function route(data, { isNavigation = false }) {
  const sections = [...document.querySelectorAll("[data-view]")];
  const address = readAddress();
  const section = sections.find((each) => each.dataset.view === address.view) ?? sections[0];
  const { view } = section.dataset;
  for (const each of sections) each.hidden = each !== section;
  if (isFiltered(view)) filters = barFilters(address.parameters);
  showNavigation(section);
  // Only Browse has more filters than the bar.
  const parameters = view === "browse" ? address.parameters : filters;
  const titles = isFiltered(view) ? titlesWith(data, parameters) : [];
  showFilters(data, view, parameters, titles);
  SHOW[view]?.(data, address, titles);
  if (isNavigation) {
    window.scrollTo(0, 0);
    section.querySelector("h1").focus({ preventScroll: true });
  }
  document.title = `${section.querySelector("h1").textContent} – Movies from OMDb`;
  const ofAllYears = () => titlesWith(data, { ...filters, from: "", to: "" });
  await drawCharts(
    data, section,
    (dataset) => SUMMARIES[dataset]?.(titles, ofAllYears) ?? data.reports[dataset],
    (dataset, rows) => (rows.length > 0 && FINDINGS[dataset]?.(rows, titles)) || "",
  );
  if (view === "movies") {
    listenToBrush(data);
    showYears(filters.from, filters.to);
  }
}

function isFiltered(view) {
  return "filtered" in document.querySelector(`[data-view="${view}"]`).dataset;
}

// Links to filtered views carry the filters in force.
function showNavigation(section) {
  const current = section.dataset.within ?? section.dataset.view;
  for (const link of document.querySelectorAll("header nav a")) {
    const { to } = link.dataset;
    if (isFiltered(to)) link.href = addressOf(to, filters);
    if (to === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

main();
