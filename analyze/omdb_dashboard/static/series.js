// The page of one series: a heat map of its seasons and episodes.

const EPISODES_LISTED = 5;

// Lower bounds of the colours of a rating, from the palest to the strongest.
const HEAT = [0, 6, 7, 7.5, 8, 8.5, 9];

function showSeries(data, imdbId) {
  const title = data.titlesById.get(imdbId);
  const body = showHeading("series", title, imdbId);
  if (!title?.hasDetails) {
    body.replaceChildren(...withoutDetails(title, imdbId));
    return;
  }
  const episodes = data.reports.rpt_episodes.filter((each) => each.series_id === imdbId);
  body.replaceChildren(
    episodes.length > 0 ? heatMap(title, episodes) : element("p", { class: "notice" }, "None of its episodes is on this page."),
    element("div", { class: "detail" },
      element("div", {}, title.plot && element("p", { class: "plot" }, isolated(title.plot)), facts(title)),
      element("div", {}, posterOf(data, title), ratingBars(title), awardsOf(title), extremes(episodes))));
}

function heatMap(title, episodes) {
  const seasons = [...groupBy(episodes.filter((each) => each.season !== null && each.episode !== null), (each) => each.season)]
    .sort(([a], [b]) => a - b);
  const rated = episodes.filter((each) => each.imdb_rating !== null);
  const numbers = uniqueNumbers(episodes.map((each) => each.episode));
  const unplaced = episodes.filter((each) => each.season === null || each.episode === null).length;
  const announced = title.total_seasons === null ? ""
    : ` OMDb counts ${formatNumber(title.total_seasons)} ${plural("season", title.total_seasons)}.`;
  const table = element("table", { id: "heat-map" },
    element("thead", {}, element("tr", {},
      element("th", { scope: "col" }, "Season"),
      ...numbers.map((number) => element("th", { scope: "col" }, String(number))),
      element("th", { scope: "col" }, "Average"))),
    element("tbody", {}, ...seasons.map(([season, own]) => seasonRow(season, own, numbers))));
  return card("seasons", "Seasons and episodes",
    element("p", { class: "finding" }, `${formatNumber(episodes.length)} ${plural("episode", episodes.length)}, `
      + `${formatNumber(rated.length)} with a rating.${announced}`
      + (unplaced > 0 ? ` ${formatNumber(unplaced)} without season or number are not in the map.` : "")),
    element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "IMDb rating by season and episode" }, table),
    element("p", { class: "heat-legend note" }, "IMDb rating: ", ...HEAT.map((bound, level) =>
      element("span", { class: `heat-${level}` }, level === 0 ? `below ${HEAT[1].toFixed(1)}` : bound.toFixed(1)))));
}

function seasonRow(season, episodes, numbers) {
  const byNumber = groupBy(episodes, (each) => each.episode);
  const ratings = episodes.map((each) => each.imdb_rating).filter((rating) => rating !== null);
  return element("tr", {},
    element("th", { scope: "row" }, String(season)),
    ...numbers.map((number) => heatCell(byNumber.get(number)?.[0])),
    element("td", { class: "number" }, ratings.length === 0 ? "–" : mean(ratings).toFixed(2),
      ratings.length < episodes.length ? element("span", { class: "muted" }, ` (${ratings.length} rated)`) : null));
}

function heatCell(episode) {
  if (!episode) return element("td", {});
  const level = episode.imdb_rating === null ? "none" : HEAT.findLastIndex((bound) => episode.imdb_rating >= bound);
  const label = `Season ${episode.season}, episode ${episode.episode}: ${episodeName(episode)}`;
  return element("td", { class: `heat-${level}` },
    imdbLinkOf(episode, { title: label }, episode.imdb_rating?.toFixed(1) ?? "–", element("span", { class: "visually-hidden" }, ` ${label}`)));
}

function episodeName(episode) {
  return episode.title ?? episode.imdb_id;
}

function extremes(episodes) {
  const rated = episodes.filter((each) => each.imdb_rating !== null).sort((a, b) => b.imdb_rating - a.imdb_rating);
  if (rated.length <= EPISODES_LISTED) return null;
  const rows = (some) => some.map((each) => [
    `${each.season ?? "–"}×${each.episode ?? "–"}`,
    imdbLinkOf(each, {}, isolated(episodeName(each))),
    each.imdb_rating.toFixed(1),
  ]);
  const columns = [["Season × episode"], ["Episode"], ["IMDb rating", true]];
  return card("extremes", "Best and worst episodes",
    tableOf("best-episodes", "Best episodes", columns, rows(rated.slice(0, EPISODES_LISTED))),
    element("h3", {}, "Worst"),
    tableOf("worst-episodes", "Worst episodes", columns, rows(rated.slice(-EPISODES_LISTED).reverse())));
}

function uniqueNumbers(values) {
  return [...new Set(values.filter((value) => value !== null))].sort((a, b) => a - b);
}
