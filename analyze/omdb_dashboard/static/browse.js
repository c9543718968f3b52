// The searchable table of movies. Its filters are in the fragment of the URL, so that they can be
// shared and Back works.

let browseTable = null;
let browseFilters = {};

const FILTERS = {
  q: (movie, value) => movie.searchText.includes(value.toLowerCase()),
  genre: (movie, value) => movie.genres.includes(value),
  country: (movie, value) => movie.countries.includes(value),
  language: (movie, value) => movie.languages.includes(value),
  certificate: (movie, value) => movie.certificate === value,
  from: (movie, value) => movie.year !== null && movie.year >= Number(value),
  to: (movie, value) => movie.year !== null && movie.year <= Number(value),
  rating: (movie, value) => movie.imdb_rating !== null && movie.imdb_rating >= Number(value),
  person: (movie, value) =>
    movie.directors.includes(value) || movie.writers.includes(value) || movie.actors.includes(value),
};

function setUpBrowse(data) {
  const movies = data.reports.rpt_movies;
  for (const movie of movies) {
    movie.searchText = [movie.title, movie.imdb_id, ...movie.directors, ...movie.writers, ...movie.actors]
      .join("\n").toLowerCase();
  }
  data.moviesById = new Map(movies.map((movie) => [movie.imdb_id, movie]));
  const form = document.getElementById("browse-filters");
  for (const [name, values] of [
    ["genre", movies.flatMap((movie) => movie.genres)],
    ["country", movies.flatMap((movie) => movie.countries)],
    ["language", movies.flatMap((movie) => movie.languages)],
    ["certificate", movies.map((movie) => movie.certificate).filter((value) => value !== null)],
  ]) {
    fillSelect(form.elements[name], uniqueSorted(values));
  }
  form.addEventListener("input", () => setBrowseFilters({ ...readForm(form), person: browseFilters.person }));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    setBrowseFilters({});
    fillForm(form);
  });
}

// Created when the view is first shown, because a hidden table has no width.
function showBrowse(data) {
  browseFilters = Object.fromEntries([...readAddress().parameters].filter(([name, value]) => name in FILTERS && value));
  fillForm(document.getElementById("browse-filters"));
  describePerson();
  if (browseTable) browseTable.draw();
  else browseTable = createBrowseTable(data.reports.rpt_movies);
}

function createBrowseTable(movies) {
  const table = new DataTable("#browse-table", {
    data: movies,
    columns: [
      { title: "Title", data: "title", render: rendered((_value, movie) => movieLink(movie)) },
      { title: "Year", data: "year", className: "dt-right", render: rendered((value) => value ?? "–") },
      { title: "Rating", data: "imdb_rating", className: "dt-right", render: rendered((value) => value?.toFixed(1) ?? "–") },
      { title: "Votes", data: "imdb_votes", className: "dt-right", render: rendered(formatNumber) },
      { title: "Runtime", data: "runtime_minutes", className: "dt-right", render: rendered((value) => value ?? "–") },
      { title: "Certificate", data: "certificate", render: rendered(textCell) },
      { title: "Genres", data: "genres", render: rendered((values) => textCell(values.join(", "))) },
      { title: "Directors", data: "directors", render: rendered((values) => element("span", {}, ...names(values))) },
    ],
    order: [[3, "desc"]],
    pageLength: 25,
    autoWidth: false,
    layout: { topStart: "info", topEnd: null, bottomStart: "pageLength", bottomEnd: "paging" },
    language: {
      info: "_TOTAL_ movies",
      infoEmpty: "No movies",
      infoFiltered: "of _MAX_",
      zeroRecords: "No movie matches these filters.",
      emptyTable: "There are no movies.",
      lengthMenu: "_MENU_ per page",
    },
    search: { return: false },
  });
  table.search.fixed("filters", (_text, movie) =>
    Object.entries(browseFilters).every(([name, value]) => !value || FILTERS[name](movie, value)));
  table.draw();
  return table;
}

// Nulls sort last in descending order; only what is displayed is made into nodes.
function rendered(display) {
  return (value, type, movie) => {
    if (type === "display") return display(value, movie);
    if (Array.isArray(value)) return value.join(", ");
    return value ?? (type === "sort" || type === "type" ? -1 : "");
  };
}

function textCell(value) {
  return isolated(value || "–");
}

function setBrowseFilters(filters) {
  browseFilters = Object.fromEntries(Object.entries(filters).filter(([, value]) => value));
  history.replaceState(null, "", addressOf("browse", browseFilters));
  describePerson();
  browseTable?.draw();
}

function readForm(form) {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
}

function fillForm(form) {
  for (const field of form.elements) {
    if (field.name) field.value = browseFilters[field.name] ?? "";
  }
}

function describePerson() {
  const notice = document.getElementById("browse-person");
  const { person } = browseFilters;
  notice.hidden = !person;
  if (!person) return;
  const button = element("button", { type: "button" }, "Show all movies");
  button.addEventListener("click", () => setBrowseFilters({ ...browseFilters, person: "" }));
  notice.replaceChildren("Movies with ", element("strong", {}, isolated(person)), ". ", button);
}
