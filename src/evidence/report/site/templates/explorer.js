// Shows one of the results in explorer-data.js. Every text from the data is set as text, never as HTML.
"use strict";
(() => {
  const data = window.explorerData;
  const form = document.getElementById("choices");
  const place = { answer: document.getElementById("answer"), plot: document.getElementById("plot"), studies: document.getElementById("studies") };
  const state = { comparison: "", outcome: "", window: "", method: data.default.method, interval: data.default.interval, without: new Set(), left: null };

  const make = (name, attributes = {}, ...children) => {
    const svg = ["svg", "g", "line", "rect", "path", "text", "title", "desc"].includes(name);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const minus = (text) => text.replace("-", "\u2212");
  const digits = (one) => (one.measure === "MD" ? 1 : 2);
  const shown = (one, value) => (one.ratio ? Math.exp(value) : value);
  const number = (one, value) => {
    const text = shown(one, value).toFixed(digits(one));
    return minus(Number(text) === 0 ? text.replace("-", "") : text);
  };
  const range = (one, low, high) => (low === null || high === null ? "none" : `${number(one, low)} to ${number(one, high)}`);
  const probability = (p) => (p === null ? "not defined" : p < 0.001 ? "< .001" : "= " + p.toFixed(p < 0.01 ? 3 : 2).replace(/^0/, ""));
  const distinct = (key, chosen) => [...new Set(data.analyses.filter((one) => Object.entries(chosen).every(([k, v]) => one[k] === v)).map((one) => one[key]))];
  const current = () => data.analyses.find((one) => one.comparison === state.comparison && one.outcome === state.outcome && one.window === state.window);

  // The choices narrow from left to right: one that does not exist under those before it gives way to the first that does.
  const settle = () => {
    const chosen = {};
    for (const key of ["comparison", "outcome", "window"]) {
      const possible = distinct(key, chosen);
      if (!possible.includes(state[key])) state[key] = possible[0];
      chosen[key] = state[key];
    }
    return chosen;
  };
  const kept = (one) => one.studies.map((study, i) => (state.left !== null ? i !== state.left : !study.flags.some((flag) => state.without.has(flag))));

  const select = (key, label, options) => {
    const box = make("select", { id: `choose-${key}` });
    for (const [value, text] of options) box.append(make("option", { value, ...(state[key] === value ? { selected: "" } : {}) }, text));
    box.addEventListener("change", () => {
      const question = ["comparison", "outcome", "window"].includes(key);
      state[key] = box.value;
      if (question) state.left = null;
      update(box.id);
    });
    return make("p", {}, make("label", { for: box.id }, label), box);
  };

  const drawForm = (one) => {
    const chosen = settle();
    const same = (values) => values.map((value) => [value, value]);
    const boxes = [];
    for (const [flag, label] of Object.entries(data.exclusions)) {
      const count = one.studies.filter((study) => study.flags.includes(flag)).length;
      const box = make("input", { type: "checkbox", id: `without-${flag}`, ...(state.without.has(flag) ? { checked: "" } : {}), ...(count ? {} : { disabled: "" }) });
      box.addEventListener("change", () => {
        state.left = null;
        if (box.checked) state.without.add(flag);
        else state.without.delete(flag);
        update(box.id);
      });
      boxes.push(make("p", {}, box, make("label", { for: box.id }, ` ${label} (${count})`)));
    }
    form.replaceChildren(
      make("fieldset", {}, make("legend", {}, "Question"),
        select("comparison", "Comparison", same(distinct("comparison", {}))),
        select("outcome", "Outcome", same(distinct("outcome", { comparison: chosen.comparison }))),
        select("window", "Time", same(distinct("window", { comparison: chosen.comparison, outcome: chosen.outcome })))),
      make("fieldset", {}, make("legend", {}, "Model"),
        select("method", "Variation between studies", Object.entries(data.methods)),
        select("interval", "Confidence interval", Object.entries(data.intervals))),
      make("fieldset", {}, make("legend", {}, "Leave out"), ...boxes));
    form.hidden = false;
  };

  const resultOf = (one, keep) => {
    const block = one.results[keep.map((k) => (k ? "1" : "0")).join("")];
    if (!block) return null;
    const values = block[Object.keys(data.methods).indexOf(state.method)][Object.keys(data.intervals).indexOf(state.interval)];
    return Object.fromEntries(data.quantities.map((name, i) => [name, values[i]]));
  };

  const drawAnswer = (one, keep, result) => {
    const count = keep.filter(Boolean).length;
    const out = keep.length - count;
    const percent = 100 * data.level;
    const parts = [];
    if (!result) {
      parts.push(`${count === 1 ? "One comparison is" : `${count || "No"} comparisons are`} left, too few to pool.`);
    } else {
      parts.push(make("strong", {}, `${one.measure} ${number(one, result.estimate)} (${percent}% CI ${range(one, result.ci_low, result.ci_high)})`));
      parts.push(`; P ${probability(result.p_value)}; ${count} comparisons${out ? `, ${out} left out` : ""}; ` +
        `I\u00b2 ${result.i2.toFixed(0)}%; \u03c4\u00b2 ${Number(result.tau2.toPrecision(3))}; ${percent}% prediction interval ${range(one, result.prediction_low, result.prediction_high)}. `);
      parts.push(`Unit: ${one.unit}.`);
      if (one.mid !== null && !one.ratio) parts.push(` Smallest difference that matters to patients: ${one.mid}.`);
    }
    place.answer.replaceChildren(...parts);
  };

  const ticks = (low, high, ratio) => {
    if (ratio) return [0.1, 0.2, 0.5, 1, 2, 5, 10].map(Math.log).filter((t) => t >= low && t <= high);
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
    const list = [];
    for (let t = Math.ceil(low / step) * step; t <= high + 1e-9; t += step) list.push(Math.abs(t) < step / 1e6 ? 0 : t);
    return list;
  };

  const drawPlot = (one, keep, result) => {
    const line = 24, top = 30, left = 230, right = 165, width = 840;
    const rows = one.studies.length;
    const height = top + line * (rows + (result ? 2 : 0)) + 52;
    const used = one.studies.filter((_, i) => keep[i]);
    const scope = used.length ? used : one.studies;
    const ends = [0, ...scope.flatMap((s) => [s.low, s.high]), ...(result ? [result.prediction_low, result.prediction_high].filter((v) => v !== null) : [])].sort((a, b) => a - b);
    let [low, high] = [ends[0], ends[ends.length - 1]];
    // One very wide interval must not squeeze the others: the axis ends where effects and pooled limits end, with room; arrows mark what goes on.
    const inner = [0, ...scope.map((s) => s.effect), ...(result ? [result.ci_low, result.ci_high] : [])].filter((v) => v !== null);
    const span = Math.max(...inner) - Math.min(...inner) || 1;
    low = Math.max(low, Math.min(...inner) - span);
    high = Math.min(high, Math.max(...inner) + span);
    const pad = (high - low) * 0.03;
    low -= pad; high += pad;
    const x = (v) => left + ((Math.min(Math.max(v, low), high) - low) / (high - low)) * (width - left - right);
    const answer = place.answer.textContent;
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `Forest plot of ${one.title}. ${answer}` });
    const base = top + line * (rows + (result ? 2 : 0));
    svg.append(make("text", { x: 0, y: 16, class: "head" }, "Study"), make("text", { x: width, y: 16, class: "head", "text-anchor": "end" }, `${one.measure} (95% CI)`));
    svg.append(make("line", { x1: x(0), x2: x(0), y1: top - 6, y2: base, class: "zero" }));
    if (one.mid !== null && !one.ratio) for (const mid of [-one.mid, one.mid]) if (mid > low && mid < high) svg.append(make("line", { x1: x(mid), x2: x(mid), y1: top - 6, y2: base, class: "mid" }));
    const weights = one.studies.map((s, i) => (keep[i] && result ? 1 / (s.variance + result.tau2) : 0));
    const most = Math.max(...weights);
    const whisker = (y, a, b, name) => {
      svg.append(make("line", { x1: x(a), x2: x(b), y1: y, y2: y, class: name }));
      if (a < low) svg.append(make("path", { d: `M${x(a)} ${y}l6 -4v8z`, class: "arrow" }));
      if (b > high) svg.append(make("path", { d: `M${x(b)} ${y}l-6 -4v8z`, class: "arrow" }));
    };
    one.studies.forEach((s, i) => {
      const y = top + line * i + line / 2;
      const name = keep[i] ? "study" : "study gone";
      svg.append(make("text", { x: 0, y: y + 4, class: name }, make("title", {}, s.name), s.name.length > 34 ? s.name.slice(0, 33) + "\u2026" : s.name));
      svg.append(make("text", { x: width, y: y + 4, "text-anchor": "end", class: name }, `${number(one, s.effect)} (${range(one, s.low, s.high)})`));
      if (s.low <= high && s.high >= low) whisker(y, s.low, s.high, name);
      const size = 4 + (most ? 10 * Math.sqrt(weights[i] / most) : 3);
      if (s.effect >= low && s.effect <= high) svg.append(make("rect", { x: x(s.effect) - size / 2, y: y - size / 2, width: size, height: size, class: name }));
    });
    if (result) {
      const y = top + line * rows + line / 2;
      svg.append(make("line", { x1: 0, x2: width, y1: y - line / 2, y2: y - line / 2, class: "rule" }));
      svg.append(make("text", { x: 0, y: y + 4, class: "pooled" }, `Pooled, ${state.method}, ${state.interval}`));
      svg.append(make("text", { x: width, y: y + 4, "text-anchor": "end", class: "pooled" }, `${number(one, result.estimate)} (${range(one, result.ci_low, result.ci_high)})`));
      const [a, b] = [result.ci_low ?? result.estimate, result.ci_high ?? result.estimate];
      svg.append(make("path", { d: `M${x(a)} ${y}L${x(result.estimate)} ${y - 7}L${x(b)} ${y}L${x(result.estimate)} ${y + 7}z`, class: "pooled" }));
      if (result.prediction_low !== null) {
        svg.append(make("text", { x: 0, y: y + line + 4 }, "Prediction interval"));
        svg.append(make("text", { x: width, y: y + line + 4, "text-anchor": "end" }, range(one, result.prediction_low, result.prediction_high)));
        whisker(y + line, result.prediction_low, result.prediction_high, "prediction");
      }
    }
    svg.append(make("line", { x1: left, x2: width - right, y1: base, y2: base, class: "axis" }));
    for (const t of ticks(low, high, one.ratio)) {
      svg.append(make("line", { x1: x(t), x2: x(t), y1: base, y2: base + 5, class: "axis" }));
      svg.append(make("text", { x: x(t), y: base + 19, "text-anchor": "middle", class: "tick" }, minus(String(Number(shown(one, t).toPrecision(4))))));
    }
    // The words stand on the two sides of no effect where there is room, else at the ends of the axis.
    svg.append(make("text", { x: left, y: base + 40, class: "tick" }, `\u2190 ${one.favours[0]}`));
    svg.append(make("text", { x: width - right, y: base + 40, "text-anchor": "end", class: "tick" }, `${one.favours[1]} \u2192`));
    place.plot.replaceChildren(svg);
  };

  const drawStudies = (one, keep) => {
    const body = make("tbody");
    one.studies.forEach((s, i) => {
      const name = data.traces ? make("a", { href: `${data.traces}/${encodeURIComponent(s.page)}.html` }, s.label) : document.createTextNode(s.label);
      const button = make("button", { type: "button", id: `leave-${i}`, "aria-pressed": String(state.left === i), "aria-label": `Leave out ${s.label}, ${s.arms}` }, state.left === i ? "left out" : "leave out");
      button.addEventListener("click", () => {
        state.left = state.left === i ? null : i;
        state.without.clear();
        update(button.id);
      });
      const flags = s.flags.map((flag) => data.exclusions[flag]).join("; ");
      body.append(make("tr", keep[i] ? {} : { class: "gone" }, make("th", { scope: "row" }, name), make("td", {}, s.arms), make("td", { class: "number" }, s.n === null ? "" : s.n.toFixed(0)),
        make("td", { class: "number" }, `${number(one, s.effect)} (${range(one, s.low, s.high)})`), make("td", {}, flags), make("td", {}, button)));
    });
    const head = make("tr");
    for (const text of ["Study", "Comparison", "Patients", `${one.measure} (95% CI)`, "Belongs to", "One at a time"]) head.append(make("th", { scope: "col" }, text));
    place.studies.replaceChildren(make("table", {}, make("caption", {}, data.traces ? "Each name leads to how its effect was worked out." : "The studies."), make("thead", {}, head), body));
  };

  const remember = () => {
    const one = current();
    const parts = new URLSearchParams({ a: one.id, m: state.method, i: state.interval });
    if (state.without.size) parts.set("w", [...state.without].join(" "));
    if (state.left !== null) parts.set("l", String(state.left));
    history.replaceState(null, "", `#${parts}`);
  };
  const recall = () => {
    const parts = new URLSearchParams(location.hash.slice(1));
    const one = data.analyses.find((each) => each.id === parts.get("a"));
    if (one) for (const key of ["comparison", "outcome", "window"]) state[key] = one[key];
    if (parts.get("m") in data.methods) state.method = parts.get("m");
    if (parts.get("i") in data.intervals) state.interval = parts.get("i");
    state.without = new Set((parts.get("w") || "").split(" ").filter((flag) => flag in data.exclusions));
    const left = parts.has("l") ? Number(parts.get("l")) : NaN;
    state.left = one && Number.isInteger(left) && left >= 0 && left < one.studies.length ? left : null;
  };

  const update = (focus) => {
    settle();
    const one = current();
    const keep = kept(one);
    const result = resultOf(one, keep);
    drawForm(one);
    drawAnswer(one, keep, result);
    drawPlot(one, keep, result);
    drawStudies(one, keep);
    remember();
    if (focus) document.getElementById(focus)?.focus();
  };
  if (!data.analyses.length) place.answer.textContent = "No analysis has enough comparisons to pool.";
  else { recall(); update(); }
  window.addEventListener("hashchange", () => { if (data.analyses.length) { recall(); update(); } });
})();
