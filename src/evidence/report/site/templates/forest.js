// A box before each study of a forest table takes it in or leaves it out; the diamond, the interval and the heterogeneity
// follow, with the numbers of the library.
"use strict";
(() => {
  const { pool, predicts, number, heterogeneity } = window.evidencePooling;

  function enliven(table) {
    const data = JSON.parse(table.dataset.forest);
    const rows = [...table.querySelectorAll("tr.study")];
    const first = { label: null, result: null, prediction: null, heterogeneity: null };
    const cell = (name) => table.querySelector(`.pooled-${name}`);
    for (const name of Object.keys(first)) first[name] = cell(name)?.innerHTML ?? null;
    const [diamond, bar] = [table.querySelector("tr.pooled svg.diamond"), table.querySelector("tr.prediction line.prediction")];
    const said = document.createElement("p");
    said.className = "forest-said";
    said.setAttribute("role", "status");
    const back = document.createElement("button");
    back.type = "button";
    back.className = "forest-back";
    back.textContent = "Take all studies in again";
    back.hidden = true;
    const region = table.closest(".scroll") ?? table;
    region.after(said, back);

    const show = (value) => number(data.factor * (data.ratio ? Math.exp(value) : value), data.digits) + data.sign;
    const range = (low, high) => `${show(low)} to ${show(high)}`;
    const share = (value) => 100 * Math.min(Math.max((value - data.axis[0]) / (data.axis[1] - data.axis[0]), 0), 1);
    const place = (fit) => {
      const [low, middle, high] = [fit.ci_low, fit.estimate, fit.ci_high].map(share);
      diamond.setAttribute("x", `${low}%`);
      diamond.setAttribute("width", `${Math.max(high - low, 0.5)}%`);
      const at = high > low ? (100 * (middle - low)) / (high - low) : 50;
      diamond.querySelector("path").setAttribute("d", `M0 5L${at} 0L100 5L${at} 10Z`);
      if (!bar) return;
      const known = predicts(fit);
      bar.closest("tr").classList.toggle("gone", !known);
      if (known) {
        bar.setAttribute("x1", `${share(fit.prediction_low)}%`);
        bar.setAttribute("x2", `${share(fit.prediction_high)}%`);
      }
      cell("prediction").textContent = known ? range(fit.prediction_low, fit.prediction_high) : "";
    };
    const weigh = (weights) => {
      const most = Math.max(...weights.filter((one) => one !== null), 0);
      rows.forEach((row, i) => {
        const gone = !boxes[i].checked;
        row.classList.toggle("gone", gone);
        const weight = row.querySelector(".weight");
        if (weight) weight.textContent = gone || weights[i] === null ? "" : `${number(weights[i], 1)}%`;
        const mark = row.querySelector("rect.mark");
        if (mark && most && weights[i] !== null) {
          const size = gone ? 4 : 4 + 10 * Math.sqrt(weights[i] / most);
          mark.setAttribute("width", size);
          mark.setAttribute("height", size);
          mark.setAttribute("transform", `translate(${-size / 2} ${-size / 2})`);
        }
      });
    };
    const fitOf = (kept) => {
      if (data.model) {
        const fit = pool(kept.map((i) => data.effect[i]), kept.map((i) => data.variance[i]), data.model);
        const weights = rows.map((_, i) => (kept.includes(i) ? fit.weights[kept.indexOf(i)] : null));
        return { ...fit, weights, line: heterogeneity(fit, data.model.method) };
      }
      return data.left[rows.findIndex((_, i) => !kept.includes(i))];
    };

    const update = () => {
      const kept = rows.map((_, i) => i).filter((i) => boxes[i].checked);
      const out = rows.length - kept.length;
      back.hidden = !out;
      table.classList.toggle("changed", out > 0);
      const pooled = table.querySelector("tr.pooled");
      pooled.classList.remove("none");
      if (!out) {
        for (const [name, html] of Object.entries(first)) if (html !== null) cell(name).innerHTML = html;
        place(data.all);
        weigh(data.all.weights);
        said.textContent = "All studies are in.";
        return;
      }
      const names = rows.filter((_, i) => !boxes[i].checked).map((row) => row.querySelector(".name").textContent).join(", ");
      const enough = new Set(kept.map((i) => data.trial[i])).size >= data.minimum;
      const fit = enough ? fitOf(kept) : null;
      if (!fit || fit.estimate === null) {
        pooled.classList.add("none");
        bar?.closest("tr").classList.add("gone");
        cell("label").textContent = "Not combined";
        cell("result").textContent = fit ? "not estimable" : "too few left";
        if (cell("prediction")) cell("prediction").textContent = "";
        cell("heterogeneity").textContent = "";
        weigh(rows.map(() => null));
        said.textContent = fit ? `Without ${names} the model cannot be fitted.` : `Without ${names} too few are left to combine: ${kept.length}.`;
        return;
      }
      const result = `${show(fit.estimate)} (${range(fit.ci_low, fit.ci_high)})`;
      cell("label").textContent = `Without ${out} (k = ${fit.k})`;
      const interval = document.createElement("span");
      interval.className = "interval";
      interval.textContent = `(${range(fit.ci_low, fit.ci_high)})`;
      cell("result").replaceChildren(`${show(fit.estimate)} `, interval);
      cell("heterogeneity").textContent = fit.line;
      place(fit);
      weigh(fit.weights);
      said.textContent = `Without ${names}: ${data.short} ${result}, k = ${fit.k}; with all studies ${show(data.all.estimate)} (${range(data.all.ci_low, data.all.ci_high)}).`;
    };

    const boxes = rows.map((row, i) => {
      const name = row.querySelector(".name");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = true;
      box.setAttribute("aria-label", `Take ${name.textContent} in`);
      const label = document.createElement("label");
      label.className = "forest-box";
      label.append(box);
      row.cells[0].prepend(label);
      if (!row.cells[0].querySelector("a")) name.tabIndex = 0;
      const toggle = () => {
        // What is not pooled in the browser was computed for one study left out.
        if (!data.model && !box.checked) boxes.forEach((other) => { if (other !== box) other.checked = true; });
        update();
      };
      box.addEventListener("change", toggle);
      row.querySelector("td.plot").addEventListener("click", () => { box.checked = !box.checked; toggle(); });
      return box;
    });
    back.addEventListener("click", () => {
      for (const box of boxes) box.checked = true;
      update();
      boxes[0].focus();
    });
    table.classList.add("live");
  }
  for (const table of document.querySelectorAll("table.forest-table[data-forest]")) enliven(table);
})();
