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
    set();
    addEventListener("resize", set);
    addEventListener("load", set);
  }

  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  // Every word must begin a word of the section; words in its heading count more.
  function find(query) {
    const words = plain(query).split(/\s+/).filter(Boolean).map((word) => new RegExp("(?<![\\p{L}\\p{N}])" + escaped(word), "gu"));
    if (!words.length) return [];
    const hits = [];
    for (const entry of window.searchIndex ?? []) {
      entry.head ??= plain(entry.page + " " + entry.title);
      entry.body ??= plain(entry.text);
      let score = 0;
      for (const word of words) {
        const head = (entry.head.match(word) ?? []).length;
        const body = (entry.body.match(word) ?? []).length;
        if (!head && !body) { score = 0; break; }
        score += 12 * head + Math.min(body, 6);
      }
      if (score) hits.push([score, entry]);
    }
    return hits.sort((a, b) => b[0] - a[0]).slice(0, 15).map((hit) => hit[1]);
  }

  function excerpt(text, query) {
    const small = document.createElement("small");
    const words = query.trim().split(/\s+/).map(escaped).join("|");
    const at = Math.max(0, text.search(new RegExp(words, "i")) - 60);
    const piece = (at ? "… " : "") + text.slice(at, at + 170) + (text.length > at + 170 ? " …" : "");
    for (const part of piece.split(new RegExp("(" + words + ")", "i"))) {
      if (new RegExp("^(" + words + ")$", "i").test(part)) {
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

  document.addEventListener("DOMContentLoaded", () => { themes(); menus(); code(); definitions(); regions(); search(); });
})();
