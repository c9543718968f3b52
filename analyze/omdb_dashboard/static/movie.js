// The page of one movie or game.

const MORE_LENGTH = 8;

function showMovie(data, imdbId) {
  const title = data.titlesById.get(imdbId);
  const body = showHeading("movie", title, imdbId);
  if (!title?.hasDetails) {
    body.replaceChildren(...withoutDetails(title, imdbId));
    return;
  }
  body.replaceChildren(
    element("div", { class: "detail" },
      element("div", {},
        title.plot && element("p", { class: "plot" }, isolated(title.plot)),
        facts(title)),
      element("div", {},
        posterOf(data, title),
        ratingBars(title),
        boxOfficeOf(title),
        awardsOf(title),
        ratingHistory(title))),
    ...moreBy(data, title));
  drawRatingHistory(data, title);
}

// Also for series.
function showHeading(view, title, imdbId) {
  const heading = document.getElementById(`${view}-heading`);
  const what = [];
  if (title) {
    const end = title.year_end && title.year_end !== title.year ? `–${title.year_end}` : "";
    what.push(title.year === null ? null : `${title.year}${end}`, title.kind, title.certificate,
      title.runtime_minutes === null ? null : `${formatNumber(title.runtime_minutes)} minutes`);
    heading.replaceChildren(isolated(title.title ?? title.imdb_id));
  } else {
    heading.textContent = "Title not found";
  }
  document.getElementById(`${view}-what`).replaceChildren(isolated(what.filter(Boolean).join(" · ")));
  return document.getElementById(`${view}-body`);
}

function withoutDetails(title, imdbId) {
  if (title) return [facts(title)];
  return [element("p", { class: "notice" }, `${imdbId} is not among the titles of this page. `, imdbLink(imdbId))];
}

function facts(title) {
  return factList([
    ...(title.hasDetails
      ? Object.entries(ROLE_NAMES).map(([role, name]) => [plural(name, new Set(title[role]).size), credits(title, role)])
      : [["Credits", ["Those of the titles with the most votes are on this page."]]]),
    ["Genres", filterLinks("genre", title.genres)],
    ["Countries", filterLinks("country", title.countries)],
    ["Languages", list(title.languages.map(isolated))],
    ...(title.hasDetails ? [
      ["Companies", list(title.companies.map(isolated))],
      ["Released", text(title.released, " (in the United States)")],
      ["Website", website(title.website)],
      ["Fetched", text(title.fetched_at, " UTC")],
    ] : []),
    ["", [imdbLink(title.imdb_id)]],
  ]);
}

function boxOfficeOf(title) {
  return title.box_office === null ? null : card("movie-box-office", "Box office",
    element("p", { class: "figure-value" }, `$${formatNumber(title.box_office)}`),
    element("p", { class: "note" }, "Gross in the United States and Canada, in dollars of the time."));
}

// Of each director, and of the series' and the game's as well.
function moreBy(data, title) {
  return [...new Set(title.directors)].slice(0, 2).flatMap((name, i) => {
    const others = titlesOf(data, name).filter((each) => each !== title && each.directors.includes(name));
    return others.length === 0 ? [] : [titleList(`more-${i}`, ["More by ", personLink(name)], others.slice(0, MORE_LENGTH))];
  });
}

function ratingHistory(title) {
  const versions = title.rating_history;
  if (versions.length < 2) return null;
  return card("history", "Rating history",
    element("div", { id: "history-chart", role: "img", "aria-label": "IMDb rating over time. The table below has the same data." }),
    tableOf("history-table", "Rating history",
      [["Since"], ["IMDb rating", true], ["Votes", true], ["Metascore", true]],
      versions.map(([date, rating, votes, metascore]) =>
        [date.slice(0, 10), rating?.toFixed(1) ?? "–", formatNumber(votes), formatNumber(metascore)])));
}

async function drawRatingHistory(data, title) {
  const canvas = document.getElementById("history-chart");
  const rows = title.rating_history
    .filter(([, rating]) => rating !== null)
    .map(([date, rating, votes]) => ({ date, rating, votes }));
  if (canvas) await embed(canvas, data.rating_history, rows);
}
