// What a chart says, in a sentence with its denominator; nothing if it says nothing.

// By dataset: from its rows and the titles that the filters leave to a sentence.
const FINDINGS = {
  titles_by_year: (_rows, titles) => {
    const dated = titles.filter((title) => title.year !== null);
    if (dated.length < 2) return "";
    const [[year, group]] = byYear(dated).sort(([, a], [, b]) => b.length - a.length);
    return `${countOf(group.length, dated.length)} are of ${year}, the most of a year.`;
  },

  titles_by_rating: (_rows, titles) => {
    const ratings = titles.map((title) => title.imdb_rating).filter((rating) => rating !== null).sort((a, b) => a - b);
    return `Half of the ratings are between ${quantile(ratings, 0.25).toFixed(1)} and ${quantile(ratings, 0.75).toFixed(1)}. `
      + `${countOf(ratings.length, titles.length)} have one.`;
  },

  // Periods with few titles say nothing of their time.
  runtime: (rows) => {
    const solid = rows.filter((row) => row.titles >= SOLID);
    if (solid.length < 2) return "";
    const [first, last] = [solid[0], solid.at(-1)];
    const of = ({ period }) => (period.endsWith("s") ? `of the ${period}` : `of ${period}`);
    return `The median ${of(first)} is ${formatNumber(Math.round(first.median))} minutes (${formatNumber(first.titles)} titles), `
      + `that ${of(last)} ${formatNumber(Math.round(last.median))} (${formatNumber(last.titles)}).`;
  },

  critics_and_audience: (rows, titles) => {
    const scored = withBothScores(titles);
    const better = scored.filter((title) => title.critics_minus_audience > 0).length;
    const shown = rows.length < scored.length ? ` The ${formatNumber(rows.length)} with the most votes are drawn.` : "";
    return `Critics liked ${countOf(better, scored.length)} with both scores better than the audience did.${shown}`;
  },

  genres_by_decade: (_rows, titles) => mostFrequent(titles, (title) => title.genres),
  certificates_by_decade: (_rows, titles) => {
    const known = titles.filter((title) => title.certificate !== null);
    return `${mostFrequent(known, (title) => [title.certificate])} ${countOf(known.length, titles.length)} have a certificate.`;
  },

  top_grossing: (_rows, titles) => {
    const known = titles.filter((title) => title.box_office !== null);
    return `The gross in the United States and Canada, in dollars of the time, is known of ${countOf(known.length, titles.length)}.`;
  },

  most_awarded: (_rows, titles) =>
    `${countOf(titles.filter((title) => title.award_wins > 0).length, titles.length)} have won an award, as far as OMDb knows.`,

  titles_by_country: (_rows, titles) => mostFrequent(titles, (title) => title.countries),
  titles_by_language: (_rows, titles) => mostFrequent(titles, (title) => title.languages),
};

const SOLID = 10;

function mostFrequent(titles, valuesOf) {
  const [{ value, titles: number }] = countBy(titles, valuesOf);
  return `${value} is the most frequent: ${countOf(number, titles.length)}.`;
}

// "175 of 423 movies (41%)"
function countOf(part, whole) {
  return `${formatNumber(part)} of ${formatNumber(whole)} ${nounOf(filters.kind, whole)} (${percentOf(part, whole)})`;
}
