// Rows of the charts, computed from the titles that the filters leave. `opens` are the filters with
// which Browse lists the titles behind a row.

// By the name of a chart's dataset: from titles (and, for charts on which years are selected, from
// the titles of all years) to rows.
const SUMMARIES = {
  titles_by_year: (_titles, ofAllYears) => byYear(ofAllYears()).map(([year, group]) => ({
    year, titles: group.length, opens: { from: year, to: year },
  })),

  titles_by_rating: (titles) => countBy(titles.filter((title) => title.imdb_rating !== null), (title) => [halfPoint(title)])
    .map(({ value, titles: number }) => ({
      rating: value, titles: number, opens: { rating: value, rating_to: Math.round(value * 10 + 4) / 10 },
    })),

  runtime: (titles) => {
    const known = titles.filter((title) => title.year !== null && title.runtime_minutes !== null);
    const years = new Set(known.map((title) => title.year)).size;
    const span = known.length < FEW_A_YEAR * years ? 10 : 1;
    return [...groupBy(known, (title) => Math.floor(title.year / span) * span)].sort(([a], [b]) => a - b).map(([start, group]) => {
      const minutes = group.map((title) => title.runtime_minutes).sort((a, b) => a - b);
      return {
        period: span === 1 ? String(start) : `${start}s`,
        start,
        end: start + span,
        lower_quartile: quantile(minutes, 0.25),
        median: quantile(minutes, 0.5),
        upper_quartile: quantile(minutes, 0.75),
        titles: group.length,
        opens: { from: start, to: start + span - 1 },
      };
    });
  },

  critics_and_audience: (titles) => {
    const scored = withBothScores(titles).slice(0, MOST_POINTS);
    const named = new Set([1, -1].flatMap((direction) => apart(widestGaps(scored, direction))));
    return scored.map((title) => ({ ...title, label: named.has(title) ? title.title : null }));
  },

  genres_by_decade: (titles) => sharesByDecade(titles, "genre", (title) => title.genres),
  certificates_by_decade: (titles) =>
    sharesByDecade(titles.filter((title) => title.certificate !== null), "certificate", (title) => [title.certificate]),

  top_grossing: (titles) => topTitles(titles, "box_office", (dollars) => formatDollars(dollars)),
  most_awarded: (titles) => topTitles(titles, "award_wins", (wins) => formatNumber(wins)),
  titles_by_country: (titles) => topValues(titles, "country", (title) => title.countries),
  titles_by_language: (titles) => topValues(titles, "language", (title) => title.languages),
};

const TOP_VALUES = 15;

// Of more points, those of the titles with the most votes are drawn.
const MOST_POINTS = 1000;

// Points with a name, in each direction.
const NAMED = 3;
const APART = 5;

// With fewer titles a year, runtimes are shown by decade.
const FEW_A_YEAR = 8;

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

// One more than is shown, since the reader may leave the first one out.
function topValues(titles, parameter, valuesOf) {
  return countBy(titles, valuesOf).slice(0, TOP_VALUES + 1)
    .map(({ value, titles: number }) => ({ name: value, value: number, label: formatNumber(number), opens: { [parameter]: value } }));
}

function topTitles(titles, column, format) {
  return titles.filter((title) => title[column] > 0)
    .sort((a, b) => b[column] - a[column] || compareByVotes(a, b)).slice(0, TOP_VALUES)
    .map((title) => ({
      name: title.year === null ? title.title ?? title.imdb_id : `${title.title ?? title.imdb_id} (${title.year})`,
      value: title[column], label: format(title[column]), imdb_id: title.imdb_id, kind: title.kind,
    }));
}

// Of the titles of each decade, the share of those with a value; `of` is their number.
function sharesByDecade(titles, parameter, valuesOf) {
  const dated = titles.filter((title) => title.year !== null);
  const top = new Set(countBy(dated, valuesOf).slice(0, TOP_VALUES).map(({ value }) => value));
  return [...groupBy(dated, (title) => Math.floor(title.year / 10) * 10)].flatMap(([decade, group]) =>
    countBy(group, valuesOf).filter(({ value }) => top.has(value)).map(({ value, titles: number }) => ({
      value, decade, column: `${decade}s|${group.length}`, titles: number, of: group.length, percent: Math.round((1000 * number) / group.length) / 10,
      opens: { [parameter]: value, from: decade, to: decade + 9 },
    })));
}

function halfPoint(title) {
  return Math.floor(title.imdb_rating * 2) / 2;
}

// The first titles whose names are not drawn on top of each other.
function apart(scored) {
  const chosen = [];
  for (const title of scored) {
    if (chosen.length === NAMED) break;
    if (chosen.every((other) => Math.abs(other.critics - title.critics) >= APART)) chosen.push(title);
  }
  return chosen;
}

function withBothScores(titles) {
  return titles.filter((title) => title.critics !== null && title.imdb_rating !== null).map((title) => {
    const audience = Math.round(title.imdb_rating * 10);
    return { ...title, audience, critics_minus_audience: title.critics - audience };
  });
}

// Those that critics liked better (direction 1), or the audience (-1), the widest gap first.
function widestGaps(scored, direction) {
  return scored.filter((title) => direction * title.critics_minus_audience > 0)
    .sort((a, b) => direction * (b.critics_minus_audience - a.critics_minus_audience) || compareByVotes(a, b));
}

// Interpolated, as SQL's percentile_cont.
function quantile(sorted, fraction) {
  const place = (sorted.length - 1) * fraction;
  const below = Math.floor(place);
  const above = Math.ceil(place);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}
