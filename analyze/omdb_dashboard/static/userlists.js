// The page of the user's own lists: what became of each row, and how the user's ratings compare.

// In the order in which they are shown. What was found by its name alone may be another title.
const OUTCOMES = {
  found: "Found",
  to_check: "To check",
  pending: "Pending",
  not_found: "Not found",
  year_mismatch: "Of another year only",
  invalid: "No title in the row",
  left_out: "Left out",
};
const ROWS_SHOWN = 100;

// Averages of fewer titles are not listed.
const FEW_RATED = 3;

function showLists(data, { parameters }) {
  const ofAll = entriesOf(data);
  const entries = ofAll.filter((entry) => !parameters.list || entry.list === parameters.list);
  const rated = entries.filter((entry) => entry.own_rating !== null && entry.title?.imdb_rating != null);
  const body = document.getElementById("lists-body");
  body.replaceChildren(
    ...notAll(ofAll),
    card("outcomes", "By list", outcomeTable(ofAll, parameters)),
    ...toCheck(entries),
    ...(rated.length > 0 ? [ownRatings(rated, entries), ownCharts(rated)] : []),
    wholeList(entries, parameters));
  if (rated.length > 0) drawOwnRatings(data, rated);
}

// Rows of all lists, each with its outcome and, if it is on this page, its title.
function entriesOf(data) {
  data.entries ??= data.reports.rpt_list_entries.map((entry) => ({
    ...entry,
    outcome: entry.outcome === "found" && entry.matched_by === "title" ? "to_check" : entry.outcome,
    title: data.titlesById.get(entry.imdb_id),
  }));
  return data.entries;
}

function notAll(entries) {
  const { all_entries: all } = entries[0];
  return all === entries.length ? []
    : [element("p", { class: "notice" }, `The first ${formatNumber(entries.length)} of ${formatNumber(all)} rows are on this page.`)];
}

function outcomeTable(entries, parameters) {
  const occurring = Object.keys(OUTCOMES).filter((outcome) => entries.some((entry) => entry.outcome === outcome));
  const lists = [...groupBy(entries, (entry) => entry.list)];
  const rows = lists.map(([name, own]) => {
    const counts = groupBy(own, (entry) => entry.outcome);
    const isCurrent = parameters.list === name;
    return [
      element("a", { href: addressOf("lists", { list: isCurrent ? "" : name }), "aria-current": isCurrent && "true" }, isolated(name)),
      formatNumber(own.length),
      ...occurring.map((outcome) => outcomeLink(name, outcome, counts.get(outcome)?.length ?? 0, own.length)),
    ];
  });
  return tableOf("outcome-table", "Rows by list and outcome",
    [["List"], ["Rows", true], ...occurring.map((outcome) => [OUTCOMES[outcome], true])], rows);
}

function outcomeLink(list, outcome, number, of) {
  if (number === 0) return "0";
  return element("span", {},
    element("a", { href: addressOf("lists", { list, outcome }) }, formatNumber(number)),
    element("span", { class: "muted" }, ` (${percentOf(number, of)})`));
}

function toCheck(entries) {
  const toCheck = entries.filter((entry) => entry.outcome === "to_check" || entry.outcome === "year_mismatch");
  if (toCheck.length === 0) return [];
  // Those whose year is another one first: they are more often wrong.
  const rows = [...toCheck].sort((a, b) => (differs(b) - differs(a)));
  return [card("to-check", "Matches to check",
    element("p", { class: "note" }, "Found by the name alone, or only with another year. To correct one, put its IMDb id into the list."
      + (rows.length > ROWS_SHOWN ? ` The first ${ROWS_SHOWN} of ${formatNumber(rows.length)}.` : "")),
    tableOf("to-check-table", "Matches to check",
      [["In the list"], ["Line", true], ["Found"], ["Why"]],
      rows.slice(0, ROWS_SHOWN).map((entry) => [
        isolated(listedAs(entry)), formatNumber(entry.line), foundAs(entry),
        linked(entry.reason ?? (differs(entry) ? `the list says ${entry.listed_year}` : "the list has no year")),
      ])))];
}

// Ids in a text as links.
function linked(text) {
  return text.split(/(tt\d{7,})/).map((part, i) =>
    (i % 2 === 1 ? imdbLinkOf({ imdb_id: part }, {}, part) : isolated(part)));
}

function differs(entry) {
  return Number(entry.listed_year !== null && entry.found_year !== entry.listed_year);
}

function listedAs(entry) {
  const name = entry.listed_title ?? entry.listed_imdb_id ?? "–";
  return entry.listed_year === null ? name : `${name} (${entry.listed_year})`;
}

// On this page, or on IMDb.
function foundAs(entry) {
  if (entry.imdb_id === null) return "–";
  const name = entry.found_title ?? entry.imdb_id;
  const link = entry.title ? titleLink(entry.title) : imdbLinkOf(entry, {}, isolated(name));
  return [link, element("span", { class: "muted" }, entry.found_year === null ? "" : ` (${entry.found_year})`)];
}

function ownRatings(rated, entries) {
  const figures = [["Rated", formatNumber(rated.length), `of ${formatNumber(entries.length)} rows, with a rating by IMDb's users too`]];
  figures.push(["Your average", mean(rated.map((entry) => entry.own_rating)).toFixed(2), "on a scale of 10"]);
  for (const [label, score] of [["Against IMDb's users", imdbScore], ["Against critics", criticsScore]]) {
    const both = rated.filter((entry) => score(entry) !== null);
    if (both.length > 0) figures.push([label, signed(mean(both.map((entry) => entry.own_rating - score(entry)))), `points on average, ${formatNumber(both.length)} titles`]);
  }
  return element("dl", { class: "figures" }, ...figures.map(([label, value, detail]) => element("div", { class: "figure" },
    element("dt", {}, label),
    element("dd", {}, element("span", { class: "figure-value" }, value), element("span", { class: "figure-detail" }, detail)))));
}

function imdbScore(entry) {
  return entry.title.imdb_rating;
}

function criticsScore(entry) {
  return entry.title.critics === null ? null : entry.title.critics / 10;
}

function ownCharts(rated) {
  return element("div", { class: "grid" },
    card("own-chart", "You and IMDb's users",
      element("p", { class: "note" }, "Above the diagonal, you liked it better."),
      element("div", { id: "own-canvas", class: "canvas", role: "img", "aria-label": "Your rating against that of IMDb's users. The table of the whole list has the same data." })),
    element("div", { class: "stack" },
      ownGaps("overrated", "You liked these better", rated, 1),
      ownGaps("underrated", "You liked these less", rated, -1)),
    ownAverages("by-decade", "By decade", "Decade", rated, (title) => (title.year === null ? [] : [`${Math.floor(title.year / 10) * 10}s`])),
    ownAverages("by-genre", "By genre", "Genre", rated, (title) => title.genres));
}

function gapOf(entry) {
  return entry.own_rating - imdbScore(entry);
}

function ownGaps(id, heading, rated, direction) {
  const widest = rated.filter((entry) => direction * gapOf(entry) > 0)
    .sort((a, b) => direction * (gapOf(b) - gapOf(a)) || compareByVotes(a.title, b.title)).slice(0, GAPS_LENGTH);
  return card(id, heading, tableOf(`${id}-table`, heading, [["Title"], ["You", true], ["IMDb", true], ["Gap", true]],
    widest.map((entry) => [foundAs(entry), entry.own_rating.toFixed(1), imdbScore(entry).toFixed(1), signed(gapOf(entry))])));
}

function ownAverages(id, heading, label, rated, valuesOf) {
  const groups = new Map();
  for (const entry of rated) {
    for (const value of valuesOf(entry.title)) groups.set(value, [...(groups.get(value) ?? []), entry]);
  }
  const rows = [...groups].filter(([, own]) => own.length >= FEW_RATED)
    .map(([value, own]) => [value, own.length, mean(own.map((entry) => entry.own_rating)), mean(own.map(imdbScore))])
    .sort(([a, , x], [b, , y]) => (label === "Decade" ? (a < b ? -1 : 1) : y - x));
  return rows.length > 0 && card(id, heading,
    element("p", { class: "note" }, `Your average against that of IMDb's users, for ${FEW_RATED} titles and more.`),
    tableOf(`${id}-table`, heading, [[label], ["Titles", true], ["You", true], ["IMDb", true], ["Gap", true]],
      rows.map(([value, number, own, imdb]) => [isolated(value), formatNumber(number), own.toFixed(2), imdb.toFixed(2), signed(own - imdb)])));
}

async function drawOwnRatings(data, rated) {
  const scored = rated.map((entry) => ({ ...entry.title, own: entry.own_rating, critics_minus_audience: gapOf(entry), critics: 10 * entry.own_rating }));
  const named = new Set([1, -1].flatMap((direction) => apart(widestGaps(scored, direction))));
  const rows = scored.map((row) => ({ ...row, label: named.has(row) ? row.title : null }));
  (await embed(document.getElementById("own-canvas"), data.own_ratings, rows)).addEventListener("click", (_event, item) => openRow(item?.datum));
}

function wholeList(entries, parameters) {
  const chosen = entries.filter((entry) => !parameters.outcome || entry.outcome === parameters.outcome);
  const what = OUTCOMES[parameters.outcome] ?? "All rows";
  const rows = (count) => chosen.slice(0, count).map((entry) => [
    isolated(entry.list), formatNumber(entry.line), isolated(listedAs(entry)), OUTCOMES[entry.outcome], foundAs(entry),
    entry.title?.imdb_rating?.toFixed(1) ?? "–", entry.own_rating?.toFixed(1) ?? "–", entry.own_date ?? "–",
    linked(entry.reason ?? ""),
  ]);
  const columns = [["List"], ["Line", true], ["In the list"], ["Outcome"], ["Found"], ["IMDb", true], ["You", true], ["Your date"], ["Why"]];
  const holder = element("div", {}, tableOf("entries", "Rows of the lists", columns, rows(ROWS_SHOWN)));
  const more = element("button", { type: "button" }, `Show all ${formatNumber(chosen.length)}`);
  more.addEventListener("click", () => {
    holder.replaceChildren(tableOf("entries", "Rows of the lists", columns, rows(chosen.length)));
    holder.firstChild.focus();
    more.remove();
  });
  return card("whole-list", parameters.list ? isolated(`${parameters.list}: ${what.toLowerCase()}`) : what,
    element("p", { class: "note" }, `${formatNumber(chosen.length)} of ${formatNumber(entries.length)} rows. `,
      (parameters.outcome || parameters.list) && element("a", { href: addressOf("lists") }, "Show all lists")),
    holder, chosen.length > ROWS_SHOWN && more);
}
