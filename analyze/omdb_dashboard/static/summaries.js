// Rows of the charts, computed from the titles that the filters leave. `opens` are the filters with
// which Browse lists the titles behind a row.

// By the name of a chart's dataset: from titles (and, for charts on which years are selected, from
// the titles of all years) to rows.
const SUMMARIES = {
  titles_by_year: (_titles, ofAllYears) => byYear(ofAllYears).map(([year, group]) => ({
    year, titles: group.length, opens: { from: year, to: year },
  })),

  titles_by_rating: (titles) => countBy(titles.filter((title) => title.imdb_rating !== null), (title) => [halfPoint(title)])
    .map(({ value, titles: number }) => ({
      rating: value, titles: number, opens: { rating: value, rating_to: Math.round(value * 10 + 4) / 10 },
    })),

  runtime_by_year: (titles) => byYear(titles.filter((title) => title.runtime_minutes !== null)).map(([year, group]) => {
    const minutes = group.map((title) => title.runtime_minutes).sort((a, b) => a - b);
    return {
      year,
      lower_quartile: quantile(minutes, 0.25),
      median: quantile(minutes, 0.5),
      upper_quartile: quantile(minutes, 0.75),
      opens: { from: year, to: year },
    };
  }),

  critics_and_audience: (titles) => titles.filter((title) => title.critics !== null && title.imdb_rating !== null)
    .slice(0, MOST_POINTS).map(withAudience),

  box_office_and_rating: (titles) => titles.filter((title) => title.box_office > 0 && title.imdb_rating !== null)
    .sort((a, b) => b.box_office - a.box_office).slice(0, MOST_POINTS),

  genres_by_decade: (titles) => {
    const dated = titles.filter((title) => title.year !== null);
    const top = new Set(countBy(dated, (title) => title.genres).slice(0, TOP_VALUES).map(({ value }) => value));
    return [...groupBy(dated, (title) => Math.floor(title.year / 10) * 10)].flatMap(([decade, group]) =>
      countBy(group, (title) => title.genres).filter(({ value }) => top.has(value)).map(({ value, titles: number }) => ({
        value, decade, titles: number, opens: { genre: value, from: decade, to: decade + 9 },
      })));
  },

  titles_by_country: (titles) => topValues(titles, "country", (title) => title.countries),
  titles_by_language: (titles) => topValues(titles, "language", (title) => title.languages),
};

const TOP_VALUES = 15;

// Of more points, those of the titles with the most votes, or the highest box office, are drawn.
const MOST_POINTS = 1000;

function byYear(titles) {
  return [...groupBy(titles.filter((title) => title.year !== null), (title) => title.year)].sort(([a], [b]) => a - b);
}

// Values with the number of titles that have them, the most frequent first.
function countBy(titles, valuesOf) {
  const counts = new Map();
  for (const title of titles) {
    for (const value of valuesOf(title)) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts].map(([value, number]) => ({ value, titles: number }))
    .sort((a, b) => b.titles - a.titles || (a.value < b.value ? -1 : 1));
}

function topValues(titles, parameter, valuesOf) {
  return countBy(titles, valuesOf).slice(0, TOP_VALUES)
    .map((row) => ({ ...row, opens: { [parameter]: row.value } }));
}

function halfPoint(title) {
  return Math.floor(title.imdb_rating * 2) / 2;
}

function withAudience(title) {
  const audience = Math.round(title.imdb_rating * 10);
  return { ...title, audience, critics_minus_audience: title.critics - audience };
}

// Interpolated, as SQL's percentile_cont.
function quantile(sorted, fraction) {
  const place = (sorted.length - 1) * fraction;
  const below = Math.floor(place);
  const above = Math.ceil(place);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}
