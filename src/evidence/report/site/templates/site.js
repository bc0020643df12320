// The site works without this script; with it come the theme, folding menus, search and definitions beside their terms.
"use strict";
(() => {
  const root = document.currentScript.dataset.root;
  const page = document.documentElement;
  const kept = {
    get: (key) => { try { return localStorage.getItem("evidence-" + key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem("evidence-" + key, value); } catch { /* not allowed: forget */ } },
  };
  page.classList.add("js");

  const THEMES = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
  let theme = kept.get("theme") in THEMES ? kept.get("theme") : "auto";
  const paint = () => (theme === "auto" ? page.removeAttribute("data-theme") : page.setAttribute("data-theme", theme));
  paint();

  function themes() {
    const button = document.querySelector(".theme");
    const signs = { auto: "◐", light: "☀", dark: "☾" };
    const label = () => {
      button.textContent = signs[theme];
      button.setAttribute("aria-label", THEMES[theme]);
      button.title = THEMES[theme];
    };
    button.hidden = false;
    label();
    button.addEventListener("click", () => {
      const names = Object.keys(THEMES);
      theme = names[(names.indexOf(theme) + 1) % names.length];
      kept.set("theme", theme);
      paint();
      label();
    });
  }

  function menus() {
    const close = (button) => {
      button.setAttribute("aria-expanded", "false");
      document.getElementById(button.getAttribute("aria-controls")).classList.remove("open");
    };
    for (const button of document.querySelectorAll(".opens")) {
      const menu = document.getElementById(button.getAttribute("aria-controls"));
      button.addEventListener("click", () => {
        button.setAttribute("aria-expanded", String(menu.classList.toggle("open")));
      });
      for (const area of [button, menu]) {
        area.addEventListener("keydown", (event) => {
          if (event.key === "Escape") { close(button); button.focus(); }
        });
      }
      menu.addEventListener("click", (event) => { if (event.target.closest("a")) close(button); });
    }
  }

  function code() {
    const cells = [...document.querySelectorAll("details.code")];
    if (cells.length < 2) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "showcode";
    const show = (open) => {
      for (const cell of cells) cell.open = open;
      button.textContent = open ? "Hide all code" : "Show all code";
      button.setAttribute("aria-pressed", String(open));
    };
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-pressed") !== "true";
      kept.set("code", open ? "open" : "");
      show(open);
    });
    if (kept.get("code") === "open") show(true);
    else { button.textContent = "Show all code"; button.setAttribute("aria-pressed", "false"); }
    cells[0].before(button);
  }

  // A term opens its definition beside it; without popovers its link leads to the glossary.
  function definitions() {
    if (!HTMLElement.prototype.hasOwnProperty("popover")) return;
    for (const word of document.querySelectorAll("a.term")) {
      const note = document.getElementById(word.getAttribute("aria-describedby"));
      word.setAttribute("role", "button");
      const open = (event) => {
        event.preventDefault();
        if (note.matches(":popover-open")) { note.hidePopover(); return; }
        note.showPopover();
        const at = word.getClientRects()[0];
        const box = note.getBoundingClientRect();
        const below = at.bottom + 8 + box.height < innerHeight;
        const left = Math.max(16, Math.min(at.left, page.clientWidth - box.width - 16));
        note.style.setProperty("--x", scrollX + left + "px");
        note.style.setProperty("--y", scrollY + (below ? at.bottom + 8 : at.top - box.height - 8) + "px");
      };
      word.addEventListener("click", open);
      word.addEventListener("keydown", (event) => { if (event.key === " ") open(event); });
    }
  }

  // What does not need to scroll is no stop for the keyboard.
  function regions() {
    const set = () => {
      for (const region of document.querySelectorAll(".scroll[role]")) {
        const scrolls = region.scrollWidth > region.clientWidth + 1 || region.scrollHeight > region.clientHeight + 1;
        if (scrolls) region.tabIndex = 0;
        else region.removeAttribute("tabindex");
      }
    };
    const all = () => { fit(); set(); };
    all();
    addEventListener("resize", all);
    addEventListener("load", all);
    addEventListener("beforeprint", print);
    addEventListener("afterprint", all);
    document.addEventListener("toggle", all, true);
  }

  // A table that is wider than its place is set tighter; one that is still too wide shows each row as a block.
  const ROLES = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };
  function fold(table, on) {
    table.classList.toggle("folds", on);
    if (on && !table.dataset.labelled) {
      table.dataset.labelled = "yes";
      const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells].map((cell) => cell.textContent.trim());
      for (const node of [table, ...table.querySelectorAll("thead, tbody, tr, td")]) node.setAttribute("role", ROLES[node.tagName]);
      for (const node of table.querySelectorAll("th")) node.setAttribute("role", node.scope === "row" ? "rowheader" : "columnheader");
      for (const row of table.querySelectorAll("tbody tr")) {
        [...row.cells].forEach((cell, i) => { if (i && cell.tagName === "TD" && heads[i]) cell.dataset.label = heads[i]; });
      }
    }
  }
  const narrow = matchMedia("(max-width: 48rem)");
  const LEAST = 11;  // ems of width, about four words, below which a long text is no longer read in a column
  const wide = () => [...document.querySelectorAll(".scroll > table:not(.forest-table)")].filter((table) => table.tHead && table.tBodies.length && !table.querySelector(":is(thead, tbody) :is([colspan], [rowspan])"));
  function fit() {
    for (const table of wide()) {
      const region = table.parentElement;
      if (!region.clientWidth) continue;
      const over = () => region.scrollWidth > region.clientWidth + 1;
      const cramped = () => narrow.matches && [...table.querySelectorAll("tbody td.long")].some((cell) => cell.clientWidth < LEAST * parseFloat(getComputedStyle(cell).fontSize));
      fold(table, false);
      table.classList.remove("tight");
      if (!over()) continue;
      table.classList.add("tight");
      if (over() || cramped()) fold(table, true);
    }
  }
  const PAPER = 670, PRINTED = 10.7 / 14;  // pixels between the margins of A4, and the size of letters there
  function print() {
    for (const table of wide()) {
      fold(table, false);
      const set = table.style.cssText;
      table.style.cssText = "width: min-content; min-width: 0";
      table.classList.add("tight");
      const least = table.offsetWidth;
      table.style.cssText = set;
      table.classList.remove("tight");
      if (least * PRINTED > PAPER) fold(table, true);
    }
  }

  // The contents mark the part that is being read, and show the second level of that part alone.
  function follow() {
    const links = [...document.querySelectorAll(".toc a")];
    const heads = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
    if (!links.length) return;
    document.querySelector(".toc").classList.add("follows");
    const groups = links.map((link, i) => links.slice(0, i + 1).findLastIndex((one) => one.parentElement.classList.contains("level2")));
    let now = -1;
    const mark = () => {
      const end = innerHeight + scrollY >= page.scrollHeight - 2;
      let at = heads.findLastIndex((head) => head && head.getBoundingClientRect().top <= 120);
      if (end) at = Math.max(at, heads.findLastIndex((head) => head && head.getBoundingClientRect().top < innerHeight));
      if (at === now) return;
      now = at;
      links.forEach((link, i) => {
        if (i === at) link.setAttribute("aria-current", "location");
        else link.removeAttribute("aria-current");
        link.parentElement.classList.toggle("now", at >= 0 && groups[i] === groups[at]);
      });
      if (at >= 0) {
        const list = document.querySelector(".toc");
        const box = links[at].getBoundingClientRect();
        const frame = list.getBoundingClientRect();
        if (list.scrollHeight > list.clientHeight && (box.top < frame.top || box.bottom > frame.bottom)) list.scrollTop += box.top - frame.top - frame.height / 2;
      }
    };
    addEventListener("scroll", mark, { passive: true });
    addEventListener("resize", mark);
    mark();
  }

  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  // Words under which readers look for what is written otherwise; a word finds all that stand in a row with it.
  const SYNONYMS = [
    "tau tau2 τ τ² heterogeneity", "i2 i² heterogeneity inconsistency", "safe safety harm harms adverse side-effect side-effects unsafe",
    "ci interval confidence", "pi prediction", "rob bias", "sof summary findings", "grade certainty quality sure", "nma network indirect",
    "mid mcid important difference matters", "smd hedges g cohen standardised standardized", "rr ratio relative", "or odds", "md difference",
    "publication small-study asymmetry funnel egger", "weight weights", "outlier outliers influence", "people patients participants", "trial study trials studies",
    "work works effective effect help helps", "sham placebo", "control comparator usual", "chiropractic manipulation manual", "prisma flow selection", "p p-value significance significant",
    "loo leave-one-out", "tsa sequential", "multiverse specification choices", "sucra rank ranking ranks best",
  ].map((row) => plain(row).split(" "));
  const alike = (word) => {
    const rows = SYNONYMS.filter((row) => row.includes(word));
    return [...new Set(rows.flat())].filter((one) => one !== word);
  };
  const pattern = (words, whole) => new RegExp("(?<![\\p{L}\\p{N}])(?:" + words.map(escaped).join("|") + ")" + (whole ? "(?![\\p{L}\\p{N}])" : ""), "gu");

  // Every word, or one alike, must begin a word of the section; words in its heading count more, words alike less.
  function find(query) {
    const words = plain(query).split(/\s+/).filter(Boolean).map((word) => {
      const others = alike(word);
      // A short word with others like it is meant as it stands: "tau" is not the beginning of "taught".
      return [pattern([word], others.length > 0 && word.length < 5), others.length ? pattern(others, true) : null];
    });
    if (!words.length) return [];
    const hits = [];
    for (const entry of window.searchIndex ?? []) {
      entry.head ??= plain(entry.page + " " + entry.title);
      entry.body ??= plain(entry.text);
      let score = 0;
      for (const [word, others] of words) {
        const head = (entry.head.match(word) ?? []).length;
        const body = (entry.body.match(word) ?? []).length;
        const near = others ? 6 * (entry.head.match(others) ?? []).length + 0.5 * Math.min((entry.body.match(others) ?? []).length, 6) : 0;
        if (!head && !body && !near) { score = 0; break; }
        score += 12 * head + Math.min(body, 6) + near;
      }
      if (score) hits.push([score, entry]);
    }
    return hits.sort((a, b) => b[0] - a[0]).slice(0, 15).map((hit) => hit[1]);
  }

  function excerpt(text, query) {
    const small = document.createElement("small");
    const own = query.trim().split(/\s+/);
    const near = own.flatMap((word) => alike(plain(word))).map((word) => escaped(word) + "(?![\\p{L}\\p{N}])");
    const words = "(?<![\\p{L}\\p{N}])(?:" + [...own.map(escaped), ...near].join("|") + ")";
    const at = Math.max(0, text.search(new RegExp(words, "iu")) - 60);
    const piece = (at ? "… " : "") + text.slice(at, at + 170) + (text.length > at + 170 ? " …" : "");
    for (const part of piece.split(new RegExp("(" + words + ")", "iu"))) {
      if (new RegExp("^" + words + "$", "iu").test(part)) {
        const mark = document.createElement("mark");
        mark.textContent = part;
        small.append(mark);
      } else small.append(part);
    }
    return small;
  }

  function search() {
    const form = document.querySelector(".search");
    const field = form.querySelector("input");
    const found = document.getElementById("found");
    let index = null;
    const load = () => (index ??= new Promise((done) => {
      const script = document.createElement("script");
      script.src = root + "search-index.js";
      script.onload = script.onerror = done;
      document.head.append(script);
    }));
    const show = async () => {
      const query = field.value;
      await load();
      if (query !== field.value) return;
      const hits = find(query);
      const count = document.createElement("p");
      count.setAttribute("role", "status");
      count.textContent = hits.length ? `${hits.length === 15 ? "The best 15" : hits.length} found` : "Nothing found";
      const list = document.createElement("ol");
      for (const hit of hits) {
        const link = document.createElement("a");
        link.href = root + hit.address;
        const title = document.createElement("strong");
        title.textContent = hit.title === hit.page ? hit.title : `${hit.title} · ${hit.page}`;
        link.append(title, excerpt(hit.text, query));
        const item = document.createElement("li");
        item.append(link);
        list.append(item);
      }
      found.replaceChildren(count, list);
      found.hidden = !query.trim();
    };
    form.hidden = false;
    form.addEventListener("submit", (event) => { event.preventDefault(); found.querySelector("a")?.click(); });
    field.addEventListener("focus", load, { once: true });
    field.addEventListener("input", show);
    form.addEventListener("keydown", (event) => {
      const links = [...found.querySelectorAll("a")];
      const place = links.indexOf(document.activeElement);
      if (event.key === "Escape") { found.hidden = true; field.focus(); }
      else if (event.key === "ArrowDown" && links.length) { event.preventDefault(); links[Math.min(place + 1, links.length - 1)].focus(); }
      else if (event.key === "ArrowUp" && links.length) { event.preventDefault(); (links[place - 1] ?? field).focus(); }
    });
    found.addEventListener("click", () => { found.hidden = true; });
    document.addEventListener("click", (event) => { if (!form.contains(event.target)) found.hidden = true; });
    document.addEventListener("keydown", (event) => {
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); field.focus(); }
    });
  }

  document.addEventListener("DOMContentLoaded", () => { themes(); menus(); code(); definitions(); regions(); follow(); search(); });
})();
