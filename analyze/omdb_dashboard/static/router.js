// Shows the view that the address names.

// Called with the data and the argument of the address. A view that is not listed is only shown.
const SHOW = {
  browse: (data) => showBrowse(data),
  movie: (data, imdbId) => showMovie(data, imdbId),
};

async function main() {
  const data = await readData();
  setUpBrowse(data);
  setUpTopOfGenre(data);
  updateLists(data);
  window.addEventListener("hashchange", () => route(data, { isNavigation: true }));
  document.querySelector("[data-skip]").addEventListener("click", (event) => {
    // The fragment is the address of the view, so it is left alone.
    event.preventDefault();
    document.getElementById("main").focus();
  });
  document.getElementById("posters").addEventListener("change", () => route(data, {}));
  await route(data, {});
  document.documentElement.dataset.ready = "";
}

async function route(data, { isNavigation = false }) {
  const { view: name, argument, parameters } = readAddress();
  const sections = [...document.querySelectorAll("[data-view]")];
  const section = sections.find((each) => each.dataset.view === name) ?? sections[0];
  const view = section.dataset.view;
  if ("filtered" in section.dataset) {
    filters = Object.fromEntries([...parameters].filter(([key, value]) => FILTER_PARAMETERS.includes(key) && value));
  }
  for (const each of sections) each.hidden = each !== section;
  showNavigation(view);
  SHOW[view]?.(data, argument);
  if (isNavigation) {
    window.scrollTo(0, 0);
    section.querySelector("h1").focus({ preventScroll: true });
  }
  document.title = `${section.querySelector("h1").textContent} – Movies from OMDb`;
  await drawCharts(data, section);
  if (view === "movies" && !section.dataset.hasFilter) {
    section.dataset.hasFilter = "";
    setUpYearFilter(data, () => updateLists(data));
  }
}

// Links to filtered views carry the filters in force.
function showNavigation(view) {
  const current = document.querySelector(`[data-view="${view}"]`).dataset.within ?? view;
  for (const link of document.querySelectorAll("header nav a")) {
    const target = link.dataset.to;
    if ("filtered" in document.querySelector(`[data-view="${target}"]`).dataset) link.href = addressOf(target, filters);
    if (target === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

main();
