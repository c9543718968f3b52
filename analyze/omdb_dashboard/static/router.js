// Shows the view that the fragment of the URL names: #movies, #browse?genre=Drama, #movie/tt0111161
// or #pipeline.

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
  const [path, query = ""] = location.hash.slice(1).split("?", 2);
  const [name, argument = ""] = path.split("/", 2);
  const views = [...document.querySelectorAll("[data-view]")];
  const view = views.find((each) => each.dataset.view === name) ?? views[0];
  for (const each of views) each.hidden = each !== view;
  for (const link of document.querySelectorAll("header nav a")) {
    const isCurrent = link.getAttribute("href") === `#${view.dataset.view === "movie" ? "browse" : view.dataset.view}`;
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view.dataset.view === "browse") showBrowse(data, new URLSearchParams(query));
  if (view.dataset.view === "movie") showMovie(data, decodeURIComponent(argument));
  if (isNavigation) {
    window.scrollTo(0, 0);
    view.querySelector("h1").focus({ preventScroll: true });
  }
  document.title = `${view.querySelector("h1").textContent} – Movies from OMDb`;
  await drawCharts(data, view);
  if (view.dataset.view === "movies" && !view.dataset.hasFilter) {
    view.dataset.hasFilter = "";
    setUpYearFilter(data, () => updateLists(data));
  }
}

main();
