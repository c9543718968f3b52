// The page of one person: films by year and rating, by role, and with whom most often.

const COMPANIONS = 10;

// Titles in which a name has a credit, the most voted first.
function titlesOf(data, name) {
  data.titlesByPerson ??= indexPeople(data.titles);
  return data.titlesByPerson.get(name) ?? [];
}

function indexPeople(titles) {
  const index = new Map();
  for (const title of titles) {
    if (!title.hasDetails) continue;
    for (const name of namesOf(title)) {
      if (index.has(name)) index.get(name).push(title);
      else index.set(name, [title]);
    }
  }
  return index;
}

function namesOf(title) {
  return new Set(Object.keys(ROLE_NAMES).flatMap((role) => title[role]));
}

function rolesIn(title, name) {
  return Object.entries(ROLE_NAMES).filter(([role]) => title[role].includes(name)).map(([, label]) => label);
}

function showPerson(data, name) {
  const titles = titlesOf(data, name);
  document.getElementById("person-heading").replaceChildren(isolated(name));
  const body = document.getElementById("person-body");
  if (titles.length === 0) {
    body.replaceChildren(element("p", { class: "notice" }, "No title on this page has a credit of this name."));
    return;
  }
  const rows = [...titles].sort((a, b) => (b.year ?? 0) - (a.year ?? 0));
  const credited = data.titles.filter((title) => title.hasDetails).length;
  body.replaceChildren(
    element("dl", { class: "figures" }, ...Object.entries(ROLE_NAMES).flatMap(([role, label]) => roleFigure(titles, role, label, name))),
    element("div", { class: "grid" },
      card("person-years", "By year and rating",
        element("div", { id: "person-canvas", class: "canvas", role: "img", "aria-label": "Titles by year and IMDb rating. The table of titles has the same data." })),
      companions(titles, name)),
    card("filmography", "Titles", tableOf("person-titles", "Titles",
      [["Title"], ["Year", true], ["Role"], ["IMDb rating", true], ["Votes", true]],
      rows.map((title) => [titleLink(title), String(title.year ?? "–"), roleNotes(title, name),
        title.imdb_rating?.toFixed(1) ?? "–", formatNumber(title.imdb_votes)]))),
    element("p", { class: "note" }, `Among the ${formatNumber(credited)} titles whose credits are on this page. `
      + "OMDb has no ids of people, so people of the same name share a page, and it lists only the first few actors."));
  drawPerson(data, rows, name);
}

function roleFigure(titles, role, label, name) {
  const own = titles.filter((title) => title[role].includes(name));
  if (own.length === 0) return [];
  const rated = own.filter((title) => title.imdb_rating !== null);
  const average = rated.length === 0 ? "no rating"
    : `average rating ${mean(rated.map((title) => title.imdb_rating)).toFixed(2)}${rated.length < own.length ? ` of ${rated.length} rated` : ""}`;
  return [element("div", { class: "figure" },
    element("dt", {}, `As ${label.toLowerCase()}`),
    element("dd", {},
      element("span", { class: "figure-value", "data-figure": role }, formatNumber(own.length)),
      element("span", { class: "figure-detail" }, average)))];
}

function roleNotes(title, name) {
  return isolated(Object.entries(ROLE_NAMES).flatMap(([role, label]) => {
    const notes = title[role].flatMap((each, i) => (each === name ? [title[`${role.slice(0, -1)}_notes`][i]] : []));
    if (notes.length === 0) return [];
    const known = notes.filter((note) => note !== null);
    return [known.length === 0 ? label : `${label} (${known.join(", ")})`];
  }).join(", "));
}

function companions(titles, name) {
  const shared = new Map();
  for (const title of titles) {
    for (const other of namesOf(title)) {
      if (other !== name) shared.set(other, [...(shared.get(other) ?? []), title]);
    }
  }
  const most = [...shared].filter(([, together]) => together.length > 1)
    .sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1)).slice(0, COMPANIONS);
  if (most.length === 0) return null;
  return card("together", "With whom most often", tableOf("companions", "With whom most often",
    [["Name"], ["Role"], ["Titles", true]],
    most.map(([other, together]) => [
      personLink(other),
      isolated([...new Set(together.flatMap((title) => rolesIn(title, other)))].join(", ")),
      formatNumber(together.length),
    ])));
}

async function drawPerson(data, titles, name) {
  const rows = titles.filter((title) => title.year !== null && title.imdb_rating !== null).map((title) => {
    const roles = rolesIn(title, name);
    return { ...title, role: roles[0], roles: roles.join(", ") };
  });
  const canvas = document.getElementById("person-canvas");
  if (rows.length === 0) {
    canvas.closest("section").remove();
    return;
  }
  const spec = structuredClone(data.person_titles);
  // The legend has the roles that occur.
  spec.encoding.color.legend.values = spec.encoding.color.scale.domain.filter((role) => rows.some((row) => row.role === role));
  (await embed(canvas, spec, rows)).addEventListener("click", (_event, item) => openRow(item?.datum));
}
