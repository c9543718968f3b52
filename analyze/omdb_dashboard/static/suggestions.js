// The field in the header that suggests movies, people and series: a combobox with a list.

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
