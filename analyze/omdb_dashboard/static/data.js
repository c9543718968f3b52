// The reports, as arrays of objects by name; decoded once, before anything is drawn.

async function readData() {
  const encoded = atob(document.getElementById("data").textContent);
  const bytes = new Uint8Array(encoded.length);
  for (let i = 0; i < encoded.length; i += 1) bytes[i] = encoded.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = await new Response(stream).json();
  document.head.append(element("script", {}, data.vega));
  const reports = {};
  for (const [name, columns] of Object.entries(data.reports)) reports[name] = rowsOf(columns);
  const { rpt_titles: titles, rpt_details: details } = reports;
  const titlesById = new Map(titles.map((title) => [title.imdb_id, title]));
  // Only the titles with the most votes have details: credits, plot, awards, ...
  for (const each of details) Object.assign(titlesById.get(each.imdb_id), each, { hasDetails: true });
  addWeightedRatings(titles, data.weighted_rating_votes);
  return { ...data, reports, titles, titlesById };
}

function rowsOf(report) {
  const columns = Object.entries(report).map(([name, column]) => [name, decoded(column)]);
  const rows = (columns[0]?.[1] ?? []).map(() => ({}));
  for (const [name, values] of columns) values.forEach((value, i) => { rows[i][name] = value; });
  return rows;
}

// Columns of lists are distinct values, and for each row the position among them.
function decoded(column) {
  return Array.isArray(column) ? column : column.codes.map((code) => column.values[code]);
}

// The formula of IMDb's Top 250: the fewer votes a rating has, the nearer it is to the average of
// its kind.
function addWeightedRatings(titles, weight) {
  const rated = titles.filter((title) => title.imdb_rating !== null);
  const averages = new Map([...groupBy(rated, (title) => title.kind)]
    .map(([kind, group]) => [kind, mean(group.map((title) => title.imdb_rating))]));
  for (const title of rated) {
    const votes = title.imdb_votes ?? 0;
    title.weighted_rating = (votes * title.imdb_rating + weight * averages.get(title.kind)) / (votes + weight);
  }
}

function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) {
    const value = key(item);
    if (groups.has(value)) groups.get(value).push(item);
    else groups.set(value, [item]);
  }
  return groups;
}

function mean(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
