// The page of one movie or game, and before it what those of a series and a person share.

// By the column of names.
const ROLE_NAMES = { directors: "Director", writers: "Writer", actors: "Actor" };

function card(id, heading, ...children) {
  return element("section", { class: "card", id, "aria-labelledby": `${id}-heading` },
    element("h2", { id: `${id}-heading` }, heading), ...children);
}

// Columns are [heading, isNumber]; cells are nodes or, of numbers, texts.
function tableOf(id, caption, columns, rows) {
  const head = columns.map(([heading, isNumber]) => element("th", { scope: "col", class: isNumber && "number" }, heading));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((cell, i) =>
    columns[i][1] ? numberCell(cell) : element("td", {}, ...[cell].flat()))));
  return element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
    element("table", { id },
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...body)));
}

function factList(facts) {
  return element("dl", { class: "facts" }, ...facts
    .filter(([, value]) => value.length > 0)
    .flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, ...value)]));
}

function text(value, unit = "") {
  return value === null ? [] : [isolated(`${value}${unit}`)];
}

function list(nodes) {
  return nodes.flatMap((node, i) => (i === 0 ? [node] : [", ", node]));
}

function names(people) {
  return list([...new Set(people)].map(personLink));
}

function plural(word, number) {
  return number === 1 ? word : `${word}s`;
}

function filterLinks(name, values) {
  return list(values.map((value) =>
    element("a", { href: addressOf("browse", { [name]: value }) }, isolated(value))));
}

// One line for each contribution: who wrote the screenplay, the novel, the story ...
function credits(title, role) {
  const notes = title[`${role.slice(0, -1)}_notes`];
  const names = groupBy(title[role].map((name, i) => [notes[i], name]), ([note]) => note);
  return [...names].map(([note, people]) => element("div", {},
    note === null ? null : element("span", { class: "muted" }, isolated(note), ": "),
    ...list(people.map(([, name]) => personLink(name)))));
}

const IMDB = "Internet Movie Database";

// Ratings on scales of 10 and 100, as bars of one length, IMDb's first.
function ratingBars(title) {
  const { [IMDB]: listed, ...others } = title.ratings;
  const imdb = title.imdb_rating === null ? listed : `${title.imdb_rating.toFixed(1)}/10`;
  const votes = title.imdb_votes === null ? null
    : element("span", { class: "muted" }, ` ${formatNumber(title.imdb_votes)} votes`);
  const bars = [["IMDb", imdb, votes], ...Object.entries(others)].filter(([, rating]) => rating);
  return bars.length > 0 && card("ratings", "Ratings", element("ul", { class: "bars" }, ...bars.map(([source, rating, note]) => {
    const share = shareOf(rating);
    return element("li", {},
      element("span", {}, isolated(source), note),
      element("strong", {}, isolated(rating)),
      share !== null && element("span", { class: "bar", style: `--share: ${share}` }));
  })));
}

// "8.7/10" and "74%" as shares; null if it is none.
function shareOf(rating) {
  const match = /^([\d.]+)\s*(?:\/\s*([\d.]+)|%)$/.exec(rating);
  return match && Math.min(1, Number(match[1]) / Number(match[2] ?? 100));
}

function awardsOf(title) {
  return title.awards !== null && card("awards", "Awards",
    element("p", {}, isolated(title.awards)),
    element("p", { class: "note" }, "OMDb names one award, with those won or those nominated for, and sums up the others."));
}

function titleList(id, heading, titles) {
  return card(id, element("span", {}, ...heading), element("ul", { class: "titles" }, ...titles.map((title) => element("li", {},
    titleLink(title),
    element("span", { class: "muted" }, [title.year, ratingText(title)].filter((each) => each !== null).join(" · "))))));
}

function ratingText(title) {
  return title.imdb_rating === null ? null : `★ ${title.imdb_rating.toFixed(1)}`;
}

function website(address) {
  if (address === null) return [];
  if (!/^https?:\/\//i.test(address)) return [isolated(address)];
  return [element("a", { href: address, rel: "noreferrer noopener" }, isolated(address))];
}

function imdbLink(imdbId) {
  return imdbLinkOf({ imdb_id: imdbId }, {}, "Open on IMDb");
}

function imdbLinkOf(title, attributes, ...children) {
  const href = `https://www.imdb.com/title/${encodeURIComponent(title.imdb_id)}/`;
  return element("a", { href, rel: "noreferrer noopener", ...attributes }, ...children);
}

let postersAllowed = false;

// A poster, or the switch that allows posters; nothing for a title without one. They are requested
// only while the reader has switched them on.
function posterOf(data, title) {
  if (!data.poster_hosts.some((host) => title.poster_url?.startsWith(`${host}/`))) return null;
  const box = element("div", {});
  const show = () => {
    const input = element("input", { type: "checkbox", id: "posters" });
    input.checked = postersAllowed;
    input.addEventListener("change", () => {
      postersAllowed = input.checked;
      show();
      document.getElementById("posters").focus();
    });
    box.replaceChildren(
      ...(postersAllowed ? [element("img", {
        class: "poster", src: title.poster_url, alt: `Poster of ${title.title ?? title.imdb_id}`,
        width: 200, height: 300, referrerpolicy: "no-referrer",
      })] : []),
      element("label", { class: "switch" }, input, "Show posters (loads them from Amazon's servers)"));
  };
  show();
  return box;
}

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
