// The view of all movies: the figures at its top, and its lists.

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
