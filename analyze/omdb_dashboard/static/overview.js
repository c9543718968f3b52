// The view of all movies: the figures at its top, and the lists of what the filters leave.

// As they are without filters.
let unfilteredFigures = null;

function showOverview(data, _address, titles) {
  updateFigures(titles);
  updateLists(data, titles);
}

function updateFigures(titles) {
  const figures = document.getElementById("figures");
  unfilteredFigures ??= figures.cloneNode(true);
  figures.replaceChildren(...unfilteredFigures.cloneNode(true).children);
  if (Object.keys(filters).length === 0) return;
  const ratings = titles.map((title) => title.imdb_rating).filter((rating) => rating !== null);
  const years = new Set(titles.map((title) => title.year).filter((year) => year !== null));
  const noun = capitalized(nounOf(filters.kind, titles.length));
  setFigure(figures, "movies", formatNumber(titles.length), `${formatNumber(ratings.length)} with a rating`, noun);
  setFigure(figures, "years", formatNumber(years.size), years.size ? `${Math.min(...years)} to ${Math.max(...years)}` : "");
  setFigure(figures, "average_imdb_rating", ratings.length ? mean(ratings).toFixed(2) : "–", "");
}

function setFigure(figures, name, value, detail, label) {
  const figure = figures.querySelector(`[data-figure="${name}"]`);
  figure.textContent = value;
  const note = figure.parentElement.querySelector(".figure-detail");
  if (note) note.textContent = detail;
  if (label) figure.closest(".figure").querySelector("dt").textContent = label;
}

const LIST_LENGTH = 10;
const GAPS_LENGTH = 6;

function updateLists(data, titles) {
  const scored = withBothScores(titles);
  for (const [id, direction] of [["gaps-critics", 1], ["gaps-audience", -1]]) {
    fillList(id, widestGaps(scored, direction).slice(0, GAPS_LENGTH), (row) => [
      movieCell(row),
      numberCell(row.critics.toFixed(1)),
      numberCell(row.audience.toFixed(1)),
      numberCell(signed(row.critics_minus_audience)),
    ]);
  }
  fillList("top-titles", bestTitles(titles), (title, i) => [
    numberCell(String(i + 1)),
    movieCell(title),
    numberCell(title.imdb_rating.toFixed(1)),
    numberCell(formatNumber(title.imdb_votes)),
  ]);
  for (const role of ROLES) {
    fillList(`top-${role}`, bestPeople(titles, role), (person, i) => [
      numberCell(String(i + 1)),
      element("td", {}, personLink(person.name)),
      numberCell(formatNumber(person.titles)),
      numberCell(person.average.toFixed(2)),
      element("td", {}, titleLink(person.best)),
    ]);
  }
  const shown = new Set(titles.map((title) => title.imdb_id));
  fillList("movers", data.reports.rpt_rating_movers.filter((row) => shown.has(row.imdb_id)).slice(0, LIST_LENGTH), (row) => [
    movieCell(row),
    numberCell(row.previous_rating.toFixed(1)),
    numberCell(row.imdb_rating.toFixed(1)),
    numberCell(signed(row.rating_change)),
  ]);
}

// A list without rows says so instead.
function fillList(id, rows, cellsOf) {
  const table = document.getElementById(id);
  if (!table) return;
  fillTable(table, rows.map(cellsOf));
  table.hidden = rows.length === 0;
  table.closest("section").querySelector(".empty").hidden = rows.length > 0;
}

function bestTitles(titles) {
  return titles.filter((title) => title.imdb_rating !== null).sort(compareByRating).slice(0, LIST_LENGTH);
}

// By the average weighted rating. Two average titles are added to each person, so that several good
// titles count more than one.
function bestPeople(titles, role) {
  const rated = titles.filter((title) => title.imdb_rating !== null && title[role]);
  const average = mean(rated.map((title) => title.weighted_rating));
  const people = new Map();
  for (const title of rated) {
    for (const name of new Set(title[role])) {
      const person = people.get(name) ?? { name, titles: 0, sum: 0, best: title };
      person.titles += 1;
      person.sum += title.weighted_rating;
      if (compareByRating(title, person.best) < 0) person.best = title;
      people.set(name, person);
    }
  }
  const score = (person) => (person.sum + 2 * average) / (person.titles + 2);
  return [...people.values()].sort((a, b) => score(b) - score(a) || (a.name < b.name ? -1 : 1)).slice(0, LIST_LENGTH)
    .map((person) => ({ ...person, average: person.sum / person.titles }));
}

function compareByRating(a, b) {
  return b.weighted_rating - a.weighted_rating || compareByVotes(a, b);
}

function compareByVotes(a, b) {
  return (b.imdb_votes ?? -1) - (a.imdb_votes ?? -1) || (a.imdb_id < b.imdb_id ? -1 : 1);
}

function movieCell(row) {
  const year = row.year === null ? null : element("span", { class: "muted" }, ` (${row.year})`);
  return element("td", {}, titleLink(row), year);
}

function signed(value) {
  const digits = Math.abs(value).toFixed(1);
  if (digits === "0.0") return digits;
  return (value > 0 ? "+" : "−") + digits;
}
