// Pools what the reader chooses, as the library does (pooling.js). Every text from the data is set as text, never as HTML.
"use strict";
(() => {
  const data = window.explorerData;
  const said = window.explorerSaid ?? {};
  const { pool, predicts, number: written, significant, pValue } = window.evidencePooling;
  const form = document.getElementById("choices");
  const place = { answer: document.getElementById("answer"), plot: document.getElementById("plot"), actions: document.getElementById("actions") };
  const state = { comparison: "", outcome: "", window: "", method: data.default.method, interval: data.default.interval, without: new Set(), left: new Set() };

  const DRAWN = ["svg", "line", "rect", "path", "text"];
  const make = (name, attributes = {}, ...children) => {
    const node = DRAWN.includes(name) ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const shown = (one, value) => (one.ratio ? Math.exp(value) : value);
  const number = (one, value) => written(shown(one, value), one.digits);
  const range = (one, low, high) => (low === null || high === null ? "none" : `${number(one, low)} to ${number(one, high)}`);
  const counted = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  const percent = `${Number((100 * data.level).toPrecision(12))}%`;
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
  const excluded = (study) => study.flags.some((flag) => state.without.has(flag));
  const kept = (one) => one.studies.map((study) => !excluded(study) && !state.left.has(study.key));
  const usual = (one) => kept(one).every(Boolean) && state.method === data.default.method && state.interval === data.default.interval;

  const select = (key, label, options) => {
    const box = make("select", { id: `choose-${key}` });
    for (const [value, text] of options) box.append(make("option", { value, ...(state[key] === value ? { selected: "" } : {}) }, text));
    box.addEventListener("change", () => {
      state[key] = box.value;
      if (["comparison", "outcome", "window"].includes(key)) state.left.clear();
      update(box.id);
    });
    return make("p", {}, make("label", { for: box.id }, label), box);
  };

  const drawForm = (one) => {
    const chosen = settle();
    const same = (values) => values.map((value) => [value, value.charAt(0).toUpperCase() + value.slice(1)]);
    const boxes = Object.entries(data.exclusions).map(([flag, label]) => {
      const held = one.studies.filter((study) => study.flags.includes(flag));
      const count = held.length && `${counted(held.length, "comparison")} of ${counted(new Set(held.map((study) => study.trial)).size, "trial")}`;
      const box = make("input", { type: "checkbox", id: `without-${flag}`, ...(state.without.has(flag) ? { checked: "" } : {}), ...(count ? {} : { disabled: "" }) });
      box.addEventListener("change", () => {
        if (box.checked) state.without.add(flag);
        else state.without.delete(flag);
        update(box.id);
      });
      return make("p", {}, box, make("label", { for: box.id }, ` ${label} (${count || "none"})`));
    });
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
    const used = one.studies.filter((_, i) => keep[i]);
    if (!used.length || new Set(used.map((s) => s.trial)).size < one.minimum) return null;
    const model = { method: state.method, ci: state.interval, level: data.level, prediction: one.prediction };
    return pool(used.map((s) => s.effect), used.map((s) => s.variance), model);
  };

  const drawAnswer = (one, keep, result) => {
    const used = one.studies.filter((_, i) => keep[i]);
    const trials = new Set(used.map((s) => s.trial)).size;
    const out = keep.length - used.length;
    const people = used.every((s) => s.n !== null) ? `, ${Math.round(used.reduce((sum, s) => sum + s.n, 0)).toLocaleString("en")} people` : "";
    const base = `${counted(used.length, "comparison")} from ${counted(trials, "trial")}${people}${out ? `; ${out} left out` : ""}`;
    const lines = [];
    if (!result) {
      lines.push(make("p", {}, `Not combined: ${used.length ? base : "nothing is left"}. At least ${counted(one.minimum, "trial")} are needed.`));
    } else {
      lines.push(make("p", {}, make("strong", {}, `${one.name} ${number(one, result.estimate)} (${percent} CI ${range(one, result.ci_low, result.ci_high)})`),
        one.ratio ? "" : ` ${one.unit}`, `; ${pValue(result.p_value)}; ${base}.`));
      const varies = state.method === "EE" ? "" : `, \u03c4\u00b2 ${significant(result.tau2)}`;
      const next = !predicts(result) ? "" : `; true effect in a new trial: ${range(one, result.prediction_low, result.prediction_high)} (${percent} prediction interval)`;
      lines.push(make("p", {}, `I\u00b2 ${written(result.i2, 0)}%${varies}${next}.`));
    }
    const told = said[one.id];
    if (told) {
      const level = make("p", { id: "certainty" }, "Certainty of the protocol's result: ", make("b", { "aria-hidden": "true" }, told.symbols), ` ${told.level}. `, make("a", { href: told.page }, "Its reasons"), ".");
      if (!usual(one)) level.append(" It was rated for all trials under the protocol's model; other choices were not rated.");
      lines.push(level);
    }
    place.answer.replaceChildren(...lines);
  };

  const ticks = (low, high, ratio) => {
    if (ratio) {
      const many = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].filter((t) => Math.log(t) >= low && Math.log(t) <= high);
      const few = many.length > 2 ? many : [0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3].filter((t) => Math.log(t) >= low && Math.log(t) <= high);
      return few.map(Math.log);
    }
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
    const list = [];
    for (let t = Math.ceil(low / step) * step; t <= high + 1e-9; t += step) list.push(Math.abs(t) < step / 1e6 ? 0 : t);
    return list;
  };

  // One very wide interval must not squeeze the others: the axis ends where effects and pooled limits end, with room; arrows
  // mark what goes on.
  const axisOf = (one, keep, result) => {
    const scope = keep.some(Boolean) ? one.studies.filter((_, i) => keep[i]) : one.studies;
    const known = (values) => values.filter((v) => v !== null && v !== undefined);
    const ends = known([0, ...scope.flatMap((s) => [s.low, s.high]), ...(result ? [result.prediction_low, result.prediction_high] : [])]);
    const inner = known([0, ...scope.map((s) => s.effect), ...(result ? [result.ci_low, result.ci_high] : [])]);
    const span = Math.max(...inner) - Math.min(...inner) || 1;
    const low = Math.max(Math.min(...ends), Math.min(...inner) - span);
    const high = Math.min(Math.max(...ends), Math.max(...inner) + span);
    const pad = (high - low) * 0.04;
    return { low: low - pad, high: high + pad };
  };

  const drawPlot = (one, keep, result) => {
    const axis = axisOf(one, keep, result);
    const { low, high } = axis;
    const share = (v) => (100 * (Math.min(Math.max(v, low), high) - low)) / (high - low);
    const at = (v) => `${share(v).toFixed(2)}%`;
    const mid = said[one.id]?.mid ?? null;
    const arrow = (end) => make("svg", { class: "end", x: `${end}%`, y: "50%", width: 1, height: 1 }, make("path", { class: "arrow", d: end ? "M0 0L-7 -4V4Z" : "M0 0L7 -4V4Z" }));
    const whisker = (a, b, name) => {
      if (b < low || a > high) return [arrow(b < low ? 0 : 100)];
      const parts = [make("line", { class: name, x1: at(a), x2: at(b), y1: "50%", y2: "50%" })];
      if (a < low) parts.push(arrow(0));
      if (b > high) parts.push(arrow(100));
      return parts;
    };
    const cell = (...drawn) => {
      const ground = [];
      if (mid !== null) ground.push(make("rect", { class: "mid", x: at(-mid), y: 0, width: `${(share(mid) - share(-mid)).toFixed(2)}%`, height: "100%" }));
      ground.push(make("line", { class: "zero", x1: at(0), x2: at(0), y1: 0, y2: "100%" }));
      return make("td", { class: "plot" }, make("svg", { "aria-hidden": "true" }, ...ground, ...drawn));
    };
    const result_ = (values, name = "") => make("td", { class: "number result" }, ...(typeof values === "string" ? [values] : [`${number(one, values[0])} `, make("span", { class: `interval ${name}` }, `(${range(one, values[1], values[2])})`)]));
    const weights = result ? result.weights : [];
    const most = Math.max(...weights, 0);
    const body = make("tbody");
    let used = -1;
    one.studies.forEach((s, i) => {
      if (keep[i]) used += 1;
      const weight = keep[i] && result ? weights[used] : null;
      const name = data.traces ? make("a", { href: `${data.traces}/${encodeURIComponent(s.page)}.html` }, s.label) : document.createTextNode(s.label);
      const box = make("input", { type: "checkbox", id: `keep-${i}`, "aria-label": `Take ${s.label} in, ${s.arms}`, ...(keep[i] ? { checked: "" } : {}), ...(excluded(s) ? { disabled: "", title: "left out with its kind, above" } : {}) });
      box.addEventListener("change", () => {
        if (box.checked) state.left.delete(s.key);
        else state.left.add(s.key);
        update(box.id);
      });
      const flags = s.flags.map((flag) => data.exclusions[flag]).join("; ");
      const size = weight !== null && most ? 4 + 10 * Math.sqrt(weight / most) : 4;
      const drawn = whisker(s.low, s.high, "ci");
      if (s.effect >= low && s.effect <= high) {
        drawn.push(make("rect", { class: "mark", x: at(s.effect), y: "50%", width: size.toFixed(1), height: size.toFixed(1), transform: `translate(${(-size / 2).toFixed(2)} ${(-size / 2).toFixed(2)})` }));
      }
      const head = make("th", { scope: "row" }, make("label", { class: "forest-box" }, box), make("span", { class: "name" }, name), make("small", { class: "arms" }, s.arms));
      if (flags) head.append(make("small", { class: "arms" }, `(${flags})`));
      body.append(make("tr", { class: keep[i] ? "study" : "study gone" }, head,
        make("td", { class: "number" }, ...(s.n === null ? [] : [make("small", { class: "head" }, "People "), written(s.n, 0)])),
        cell(...drawn), result_([s.effect, s.low, s.high]),
        make("td", { class: "number" }, ...(weight === null ? [] : [make("small", { class: "head" }, "Weight "), `${written(weight, 1)}%`]))));
    });
    if (result) {
      const [a, b] = [share(result.ci_low), share(result.ci_high)];
      const middle = b > a ? (100 * (share(result.estimate) - a)) / (b - a) : 50;
      const diamond = make("svg", { class: "diamond", x: `${a.toFixed(2)}%`, y: "50%", width: `${Math.max(b - a, 0.5).toFixed(2)}%`, height: 16, viewBox: "0 0 100 10", preserveAspectRatio: "none" },
        make("path", { d: `M0 5L${middle.toFixed(2)} 0L100 5L${middle.toFixed(2)} 10Z` }));
      body.append(make("tr", { class: "pooled" }, make("th", { scope: "row" }, `Combined (k = ${result.k})`), make("td"), cell(diamond), result_([result.estimate, result.ci_low, result.ci_high]), make("td")));
      if (predicts(result)) {
        body.append(make("tr", { class: "prediction" }, make("th", { scope: "row" }, "Prediction interval: true effect in a new trial"), make("td"),
          cell(...whisker(result.prediction_low, result.prediction_high, "prediction")), result_(range(one, result.prediction_low, result.prediction_high)), make("td")));
      }
    }
    const scale = make("svg", { "aria-hidden": "true" });
    for (const t of ticks(low, high, one.ratio)) {
      scale.append(make("line", { class: "zero", x1: at(t), x2: at(t), y1: 0, y2: 5 }));
      scale.append(make("text", { x: at(t), y: 19, "text-anchor": "middle" }, written(Number(shown(one, t).toPrecision(4)), 6).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")));
    }
    body.append(make("tr", { class: "axis" }, make("td", { colspan: 2 }), make("td", { class: "plot" }, scale,
      make("p", { class: "sides" }, make("span", { class: "side" }, `\u2190\u00a0${one.favours[0]}`), make("span", { class: "side" }, `${one.favours[1]}\u00a0\u2192`))), make("td", { colspan: 2 })));
    const heads = make("tr");
    const unit = one.ratio ? one.name : `${one.name}, ${one.unit}`;
    for (const [text, name] of [["Trial", ""], ["People", "number"], [unit, "plot"], [`${one.measure} (${percent} CI)`, "number"], ["Weight", "number"]]) heads.append(make("th", { scope: "col", class: name }, text));
    const foot = [];
    if (mid !== null) foot.push(make("div", { class: "band" }, make("span", { class: "swatch" }), `Shaded: differences too small to matter (${range(one, -mid, mid)}).`));
    foot.push(make("div", {}, "A box takes a trial in or leaves it out; a name leads to how its effect was worked out."));
    place.plot.replaceChildren(make("table", { class: "forest-table live" }, make("caption", {}, make("span", {}, one.title)), make("thead", {}, heads), body,
      make("tfoot", {}, make("tr", {}, make("td", { colspan: 5 }, ...foot)))));
  };

  const drawActions = (one) => {
    const link = make("a", { id: "link", href: location.hash }, "Link to this view");
    const copy = make("button", { type: "button", id: "copy" }, "Copy the link");
    copy.addEventListener("click", async () => {
      const text = location.href;
      try { await navigator.clipboard.writeText(text); } catch {
        const field = make("input", { value: text });
        document.body.append(field);
        field.select();
        document.execCommand("copy");
        field.remove();
      }
      copy.textContent = "Copied";
    });
    place.actions.replaceChildren(link, " ", copy);
    if (!usual(one)) {
      const back = make("button", { type: "button", id: "back" }, "Back to the protocol's result");
      back.addEventListener("click", () => {
        Object.assign(state, { method: data.default.method, interval: data.default.interval, without: new Set(), left: new Set() });
        update("copy");
      });
      place.actions.append(" ", back);
    }
  };

  const remember = (one) => {
    const parts = new URLSearchParams({ a: one.id, m: state.method, i: state.interval });
    if (state.without.size) parts.set("w", [...state.without].join(" "));
    if (state.left.size) parts.set("l", [...state.left].join(" "));
    history.replaceState(null, "", `#${parts}`);
  };
  const recall = () => {
    const parts = new URLSearchParams(location.hash.slice(1));
    const one = data.analyses.find((each) => each.id === parts.get("a"));
    if (one) for (const key of ["comparison", "outcome", "window"]) state[key] = one[key];
    if (parts.get("m") in data.methods) state.method = parts.get("m");
    if (parts.get("i") in data.intervals) state.interval = parts.get("i");
    state.without = new Set((parts.get("w") || "").split(" ").filter((flag) => flag in data.exclusions));
    const keys = new Set(one ? one.studies.map((s) => s.key) : []);
    state.left = new Set((parts.get("l") || "").split(" ").filter((key) => keys.has(key)));
  };

  const update = (focus) => {
    settle();
    const one = current();
    const keep = kept(one);
    const result = resultOf(one, keep);
    drawForm(one);
    drawAnswer(one, keep, result);
    drawPlot(one, keep, result);
    remember(one);
    drawActions(one);
    if (focus) document.getElementById(focus)?.focus();
  };
  if (!data.analyses.length) place.answer.textContent = "No analysis has enough comparisons to pool.";
  else { recall(); update(); }
  window.addEventListener("hashchange", () => { if (data.analyses.length) { recall(); update(); } });
})();
