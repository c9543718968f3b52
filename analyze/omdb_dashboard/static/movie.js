// The view of one movie.

function showMovie(data, imdbId) {
  const movie = data.titlesById.get(imdbId);
  const heading = document.getElementById("movie-heading");
  const body = document.getElementById("movie-body");
  if (!movie?.hasDetails) {
    heading.textContent = "Movie not found";
    const text = `${imdbId} is not among the movies of this page. `;
    body.replaceChildren(element("p", { class: "notice" }, text, imdbLink(imdbId)));
    return;
  }
  heading.replaceChildren(isolated(movie.title ?? movie.imdb_id));
  if (movie.year !== null) heading.append(element("span", { class: "muted" }, ` (${movie.year})`));
  const facts = element("dl", { class: "facts" }, ...factsOf(movie).flatMap(([label, value]) => [
    element("dt", {}, label),
    element("dd", {}, ...value),
  ]));
  body.replaceChildren(
    element("div", { class: "movie" },
      element("div", {},
        movie.plot ? element("p", { class: "plot" }, isolated(movie.plot)) : null,
        facts,
        element("p", {}, imdbLink(movie.imdb_id)),
      ),
      poster(data, movie),
    ),
    ratingHistory(movie),
  );
  drawRatingHistory(data, movie);
}

function factsOf(movie) {
  const facts = [
    ["Directors", names(movie.directors)],
    ["Writers", names(movie.writers)],
    ["Actors", names(movie.actors)],
    ["Genres", filterLinks("genre", movie.genres)],
    ["Countries", filterLinks("country", movie.countries)],
    ["Languages", filterLinks("language", movie.languages)],
    ["Companies", list(movie.companies.map(isolated))],
    ["Certificate", text(movie.certificate)],
    ["Released", text(movie.released)],
    ["Runtime", text(movie.runtime_minutes, " minutes")],
    ["Ratings", ratings(movie)],
    ["Box office", movie.box_office === null ? [] : [`$${formatNumber(movie.box_office)}`]],
    ["Awards", text(movie.awards)],
    ["Awards by body", list(movie.award_bodies.map(([body, outcome, awards]) =>
      isolated(`${body}: ${formatNumber(awards)} ${outcome}`)))],
    ["Website", website(movie.website)],
    ["Fetched", text(movie.fetched_at, " UTC")],
  ];
  return facts.filter(([, value]) => value.length > 0);
}

function text(value, unit = "") {
  return value === null ? [] : [isolated(`${value}${unit}`)];
}

function list(nodes) {
  return nodes.flatMap((node, i) => (i === 0 ? [node] : [", ", node]));
}

function names(people) {
  return list(people.map(personLink));
}

function filterLinks(name, values) {
  return list(values.map((value) =>
    element("a", { href: addressOf("browse", { [name]: value }) }, isolated(value))));
}

function ratings(movie) {
  const sources = Object.entries(movie.ratings);
  if (sources.length === 0) return [];
  return [element("ul", { class: "ratings" }, ...sources.map(([source, rating]) => {
    const votes = source === "Internet Movie Database" && movie.imdb_votes !== null
      ? ` (${formatNumber(movie.imdb_votes)} votes)` : "";
    return element("li", {}, isolated(source), ": ", isolated(rating), votes);
  }))];
}

function website(address) {
  if (address === null) return [];
  if (!/^https?:\/\//i.test(address)) return [isolated(address)];
  return [element("a", { href: address, rel: "noreferrer noopener" }, isolated(address))];
}

function imdbLink(imdbId) {
  const href = `https://www.imdb.com/title/${encodeURIComponent(imdbId)}/`;
  return element("a", { href, rel: "noreferrer noopener" }, "Open on IMDb");
}

// Posters are requested only while the reader has switched them on.
function poster(data, movie) {
  const isAllowed = data.poster_hosts.some((host) => movie.poster_url?.startsWith(`${host}/`));
  if (!document.getElementById("posters").checked || !isAllowed) return null;
  return element("img", {
    class: "poster", src: movie.poster_url, alt: `Poster of ${movie.title ?? movie.imdb_id}`,
    width: 200, height: 300, referrerpolicy: "no-referrer",
  });
}

function ratingHistory(movie) {
  const versions = movie.rating_history;
  if (versions.length === 0) return null;
  const rows = versions.map(([date, rating, votes, metascore]) => element("tr", {},
    element("td", {}, date.slice(0, 10)),
    numberCell(rating === null ? "–" : rating.toFixed(1)),
    numberCell(formatNumber(votes)),
    numberCell(formatNumber(metascore))));
  const head = ["Since", "IMDb rating", "Votes", "Metascore"];
  return element("section", { class: "card", "aria-labelledby": "history-heading" },
    element("h2", { id: "history-heading" }, "Rating history"),
    element("div", { id: "history-chart", role: "img", "aria-label": "IMDb rating over time. The table below has the same data." }),
    element("div", { class: "scroll", tabindex: 0, role: "group", "aria-labelledby": "history-heading" },
      element("table", { id: "history" },
        element("thead", {}, element("tr", {}, ...head.map((label, i) =>
          element("th", { scope: "col", class: i > 0 && "number" }, label)))),
        element("tbody", {}, ...rows))));
}

async function drawRatingHistory(data, movie) {
  const canvas = document.getElementById("history-chart");
  const rows = movie.rating_history
    .filter(([, rating]) => rating !== null)
    .map(([date, rating, votes]) => ({ date, rating, votes }));
  // A single version is a point, not a line.
  if (rows.length < 2) canvas?.remove();
  else await embed(canvas, data.rating_history, rows);
}
