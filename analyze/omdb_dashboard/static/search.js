// Search: titles and people are found by what is typed, without regard to case, accents and punctuation, and
// all words of it, in any order, must begin a word of the title, its year, id or people. A field in the header suggests them.

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

// The field and its suggestions: a combobox with a list.
const SUGGESTIONS_OF_KIND = 5;

function setUpSearch(data) {
  const field = document.getElementById("search");
  const list = document.getElementById("suggestions");
  const options = () => [...list.querySelectorAll("[role=option]")];
  const active = () => list.querySelector("[aria-selected=true]");

  const close = () => {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const suggest = () => {
    const query = field.value.trim();
    field.removeAttribute("aria-activedescendant");
    if (!query) return close();
    list.replaceChildren(...suggestionGroups(data, query));
    list.hidden = false;
    return field.setAttribute("aria-expanded", "true");
  };
  const select = (option) => {
    active()?.setAttribute("aria-selected", "false");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  };
  const choose = (option) => {
    if (option) location.hash = option.dataset.address;
    field.value = "";
    close();
    field.blur();
  };

  field.addEventListener("input", suggest);
  field.addEventListener("focus", suggest);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter") choose(active() ?? options().at(-1));
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    if (list.hidden) suggest();
    const all = options();
    const step = event.key === "ArrowDown" ? 1 : -1;
    const place = all.indexOf(active());
    if (all.length) select(all[place < 0 && step < 0 ? all.length - 1 : (place + step + all.length) % all.length]);
  });
  // The field keeps the focus, so that the list stays open until the click.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => choose(event.target.closest("[role=option]")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    field.focus();
  });
}

function suggestionGroups(data, query) {
  const titles = findEntries(indexOf(data).titles, query);
  const people = findEntries(indexOf(data).people, query);
  const ofKind = (kind) => titles.filter(({ title }) => title.kind === kind);
  const found = [["Movies", ofKind("movie")], ["People", people], ["Series", ofKind("series")], ["Games", ofKind("game")]];
  const rank = rankFor(query);
  const groups = found.filter(([, entries]) => entries.length > 0)
    .sort(([, [a]], [, [b]]) => rank(a) - rank(b))
    .map(([label, entries]) => [label, entries.slice(0, SUGGESTIONS_OF_KIND).map(suggestionOf)]);
  const all = suggestion(addressOf("browse", { kind: "all", q: query }), titles.length ? "All titles found" : "No title found", formatNumber(titles.length));
  // Numbered in the order in which they are shown.
  [...groups.flatMap(([, options]) => options), all].forEach((option, i) => { option.id = `suggestion-${i}`; });
  return [...groups.map(([label, options]) =>
    element("div", { role: "group", "aria-label": label }, element("div", { class: "group-label", "aria-hidden": "true" }, label), ...options)), all];
}

function suggestionOf({ title, name, titles }) {
  if (title) return suggestion(titleAddress(title), title.title ?? title.imdb_id, title.year);
  return suggestion(personAddress(name), name, `${formatNumber(titles)} ${nounOf("all", titles)}`);
}

function suggestion(address, name, detail) {
  return element("div", { role: "option", "aria-selected": "false", "data-address": address },
    isolated(name), detail === null ? null : element("span", { class: "muted" }, String(detail)));
}
