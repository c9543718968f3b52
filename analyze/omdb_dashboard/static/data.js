// The reports, as arrays of objects by name; decoded once, before anything is drawn.

async function readData() {
  const encoded = atob(document.getElementById("data").textContent);
  const bytes = new Uint8Array(encoded.length);
  for (let i = 0; i < encoded.length; i += 1) bytes[i] = encoded.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = await new Response(stream).json();
  const reports = {};
  for (const [name, { columns, rows }] of Object.entries(data.reports)) {
    reports[name] = rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])));
  }
  return { ...data, reports };
}

// Years that the reader selected; null on a side without limit.
const selectedYears = { from: null, to: null };

function isInSelectedYears(year) {
  const { from, to } = selectedYears;
  if (from === null && to === null) return true;
  return year !== null && (from === null || year >= from) && (to === null || year <= to);
}
