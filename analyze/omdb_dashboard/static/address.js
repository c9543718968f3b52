// The address of what is shown, as the fragment of the URL, so that it can be shared and Back works:
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
