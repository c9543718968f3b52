// Finding titles and people by what is typed: without regard to case, accents and punctuation, and
// all words of it, in any order, must begin a word of the title, its year, id or people.

// Letters that are not a letter with an accent.
const LETTERS = { ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", ß: "ss", æ: "ae", œ: "oe", ı: "i" };

function folded(text) {
  const lower = text.toLowerCase();
  // Most are ASCII, for which the rest is in vain.
  if (/^[ -&(-~]*$/.test(lower)) return lower;
  return lower.normalize("NFKD").replace(/\p{M}|['’ʼ`]/gu, "").replace(/[øłđðþßæœı]/g, (letter) => LETTERS[letter]);
}

function wordsOf(text) {
  return folded(text).split(/[^\p{L}\p{N}]+/u).filter(Boolean);
}

// The words of a text, each after a space, and as one word those between two spaces: WALL·E is
// found by `wall e`, `wall-e` and `walle`.
function searchable(text) {
  const parts = folded(text).split(" ").map((part) => part.split(/[^\p{L}\p{N}]+/u).filter(Boolean));
  return parts.map((words) => ` ${words.join(" ")}${words.length > 1 ? ` ${words.join("")}` : ""}`).join("");
}

let searchIndex = null;

// Made when the page is ready, or when it is first needed.
function indexOf(data) {
  searchIndex ??= { titles: data.titles.map(titleEntry), people: peopleEntries(data.titles) };
  return searchIndex;
}

function titleEntry(title) {
  const own = searchable(title.title ?? "");
  const people = new Set(ROLES.flatMap((role) => title[role] ?? []));
  return { title, own, all: `${own} ${title.year ?? ""} ${title.imdb_id}${[...people].map(searchable).join("")}` };
}

function peopleEntries(titles) {
  const people = new Map();
  for (const title of titles) {
    for (const name of new Set(ROLES.flatMap((role) => title[role] ?? []))) {
      const person = people.get(name) ?? { name, titles: 0, votes: 0, all: "" };
      person.titles += 1;
      person.votes += title.imdb_votes ?? 0;
      people.set(name, person);
    }
  }
  const entries = [...people.values()].sort((a, b) => b.votes - a.votes);
  for (const entry of entries) entry.own = entry.all = searchable(entry.name);
  return entries;
}

// From an entry to 0 if it is the query itself, 1 if it has all its words in its own name, 2 if it
// has them elsewhere.
function rankFor(query) {
  const words = wordsOf(query);
  const name = searchable(query);
  return ({ own }) => {
    if (own === name) return 0;
    return words.every((word) => own.includes(` ${word}`)) ? 1 : 2;
  };
}

// Entries with all words, by rank and votes; if words begin none, they may be anywhere.
function findEntries(entries, query) {
  const words = wordsOf(query);
  if (words.length === 0) return [];
  const has = (prefix) => (entry) => words.every((word) => entry.all.includes(prefix + word));
  const begun = entries.filter(has(" "));
  const found = begun.length > 0 ? begun : entries.filter(has(""));
  const rank = rankFor(query);
  const ranked = [[], [], []];
  for (const entry of found) ranked[rank(entry)].push(entry);
  return ranked.flat();
}
