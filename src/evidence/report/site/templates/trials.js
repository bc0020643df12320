// The list of trials, sorted by a tap on a heading and filtered; without this script it is the whole list.
"use strict";
(() => {
  const table = document.getElementById("all-trials");
  const form = document.getElementById("filter");
  const count = document.getElementById("count");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const titles = JSON.parse(table.dataset.questions);
  const text = (row, column) => row.cells[column].textContent;
  const amount = (row, column) => Number(text(row, column).replaceAll(",", "")) || null;
  const plain = (words) => words.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const YEAR = 1, PEOPLE = 3, RISK = 4, NUMBERS = 7;
  const fields = {};

  const make = (name, attributes, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const field = (name, label, input) => {
    input.id = `filter-${name}`;
    input.addEventListener("input", filter);
    fields[name] = input;
    return make("p", {}, make("label", { for: input.id }, label), input);
  };
  const choice = (name, label, options) => field(name, label, make("select", {}, make("option", { value: "" }, "all"), ...options.map(([value, words]) => make("option", { value }, words))));
  const values = (column) => [...new Set(rows.map((row) => text(row, column)))].filter(Boolean).sort().map((one) => [one, one]);

  function filter() {
    const words = plain(fields.words.value).split(/\s+/).filter(Boolean);
    const [from, to, least] = ["from", "to", "people"].map((name) => (fields[name].value === "" ? null : Number(fields[name].value)));
    let left = 0;
    for (const row of rows) {
      const year = amount(row, YEAR);
      const people = amount(row, PEOPLE);
      row.plain ??= plain(`${text(row, 0)} ${text(row, 2)}`);
      const stays = words.every((word) => row.plain.includes(word)) &&
        (from === null || (year !== null && year >= from)) && (to === null || (year !== null && year <= to)) &&
        (least === null || (people !== null && people >= least)) &&
        (!fields.risk.value || text(row, RISK) === fields.risk.value) && (!fields.numbers.value || text(row, NUMBERS) === fields.numbers.value) &&
        (fields.question.value === "" || row.dataset.q.split(" ").includes(fields.question.value));
      row.hidden = !stays;
      left += stays;
    }
    count.textContent = left === rows.length ? `All ${rows.length} trials.` : `${left} of ${rows.length} trials.`;
    const kept = new URLSearchParams(Object.entries(fields).filter(([, one]) => one.value !== "").map(([name, one]) => [name, one.value]));
    history.replaceState(null, "", String(kept) ? `#${kept}` : location.pathname);
  }

  const heads = [...table.tHead.rows[0].cells];
  const sort = (column) => {
    const head = heads[column];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const number = head.classList.contains("number");
    const value = (row) => (number ? amount(row, column) : text(row, column) || null);
    const order = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === null || y === null) return (x === null) - (y === null);  // what is not known stands last either way
      return (down ? -1 : 1) * (number ? x - y : x.localeCompare(y));
    };
    body.append(...[...body.rows].sort(order));
  };
  heads.forEach((head, column) => {
    const button = make("button", { type: "button", class: "sort" }, head.textContent);
    button.addEventListener("click", () => sort(column));
    head.replaceChildren(button);
  });

  const number = (label) => make("input", { type: "number", inputmode: "numeric", "aria-label": label });
  form.append(
    field("words", "Name or comparison", make("input", { type: "search", autocomplete: "off" })),
    choice("question", "Question", titles.map((title, place) => [String(place), title])),
    choice("risk", "Risk of bias", values(RISK)),
    choice("numbers", "Numbers", values(NUMBERS)),
    make("div", { class: "years" }, field("from", "Year from", number("Year from")), field("to", "to", number("Year to")), field("people", "People, at least", number("People, at least"))));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) if (name in fields) fields[name].value = value;
  filter();
})();
