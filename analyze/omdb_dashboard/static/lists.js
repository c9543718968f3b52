// Lists that follow a selection: the widest gaps and the best movies.

const LIST_LENGTH = 10;

function updateLists(data) {
  updateGaps(data.reports.rpt_critics_and_audience);
  updateTopOfYears(data.reports.rpt_top_movies);
}

function updateGaps(rows) {
  const table = document.getElementById("gaps");
  if (!table) return;
  const widest = rows
    .filter((row) => row.position_by_gap_in_year <= LIST_LENGTH && isInSelectedYears(row.year))
    .sort((a, b) => Math.abs(b.critics_minus_audience) - Math.abs(a.critics_minus_audience)
      || (b.imdb_votes ?? 0) - (a.imdb_votes ?? 0) || (a.imdb_id < b.imdb_id ? -1 : 1))
    .slice(0, LIST_LENGTH);
  fillTable(table, widest.map((row) => [
    movieCell(row),
    numberCell(row.critics.toFixed(0)),
    numberCell(row.audience.toFixed(0)),
    numberCell(signed(row.critics_minus_audience)),
  ]));
}

function updateTopOfYears(rows) {
  const table = document.getElementById("top-years");
  if (!table) return;
  const best = rows
    .filter((row) => row.list === "year" && isInSelectedYears(row.year))
    .sort((a, b) => b.weighted_rating - a.weighted_rating
      || (b.imdb_votes ?? 0) - (a.imdb_votes ?? 0) || (a.imdb_id < b.imdb_id ? -1 : 1))
    .slice(0, LIST_LENGTH);
  fillTable(table, best.map((row, i) => topRow(row, i + 1)));
}

function setUpTopOfGenre(data) {
  const select = document.getElementById("top-genre-select");
  if (!select) return;
  const rows = data.reports.rpt_top_movies.filter((row) => row.list === "genre");
  fillSelect(select, uniqueSorted(rows.map((row) => row.value)));
  const update = () => {
    const best = rows.filter((row) => row.value === select.value);
    fillTable(document.getElementById("top-genre"), best.map((row) => topRow(row, row.position)));
  };
  select.addEventListener("change", update);
  update();
}

function topRow(row, position) {
  return [
    numberCell(String(position)),
    movieCell(row),
    numberCell(row.imdb_rating.toFixed(1)),
    numberCell(formatNumber(row.imdb_votes)),
  ];
}

function movieCell(row) {
  const year = row.year === null ? null : element("span", { class: "muted" }, ` (${row.year})`);
  return element("td", {}, movieLink(row), year);
}

function signed(value) {
  return (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(1);
}
