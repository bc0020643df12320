// The library's pooling by inverse variance, and its way to write numbers, for pages on which a reader leaves studies
// out. tests/browser/test_pooling.py holds both to the numbers of the library.
"use strict";
window.evidencePooling = (() => {
  const sum = (values) => values.reduce((total, value) => total + value, 0);

  function logGamma(x) {
    // Stirling's series from 12 upwards; below by the recurrence.
    let shift = 0;
    for (; x < 12; x += 1) shift -= Math.log(x);
    const z = 1 / (x * x);
    const series = (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z * (1 / 1188 - z * 691 / 360360))))) / x;
    return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
  }

  // Regularised incomplete beta function by its continued fraction (Lentz).
  function beta(x, a, b) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - beta(1 - x, b, a);
    const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
    let [c, d] = [1, 1 - ((a + b) * x) / (a + 1)];
    d = 1 / (d || 1e-300);
    let value = d;
    for (let m = 1; m < 500; m += 1) {
      for (const term of [(m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)), (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))]) {
        d = 1 / (1 + term * d || 1e-300);
        c = 1 + term / c || 1e-300;
        value *= c * d;
      }
      if (Math.abs(c * d - 1) < 1e-16) break;
    }
    return front * value;
  }

  // Upper tail of the regularised incomplete gamma function.
  function gammaTail(a, x) {
    if (x <= 0) return 1;
    const front = Math.exp(a * Math.log(x) - x - logGamma(a));
    if (x < a + 1) {
      let [term, total] = [1 / a, 1 / a];
      for (let n = 1; n < 2000 && term > total * 1e-17; n += 1) total += term *= x / (a + n);
      return 1 - front * total;
    }
    let [b, c] = [x + 1 - a, 1e300];
    let d = 1 / b;
    let value = d;
    for (let n = 1; n < 2000; n += 1) {
      const part = -n * (n - a);
      b += 2;
      d = 1 / (part * d + b || 1e-300);
      c = b + part / c || 1e-300;
      value *= c * d;
      if (Math.abs(c * d - 1) < 1e-16) break;
    }
    return front * value;
  }

  const chi2Tail = (x, df) => (df ? gammaTail(df / 2, x / 2) : 1);
  // Both tails of t, of the normal distribution with infinite degrees of freedom.
  const bothTails = (t, df) => (df === Infinity ? gammaTail(0.5, (t * t) / 2) : beta(df / (df + t * t), df / 2, 0.5));

  // Where a falling function meets a value, from zero upwards.
  function meets(falling, value) {
    let [low, high] = [0, 1];
    while (falling(high) > value && high < 1e12) high *= 2;
    for (let i = 0; i < 200 && high - low > 1e-16 * high; i += 1) {
      const middle = 0.5 * (low + high);
      if (falling(middle) > value) low = middle;
      else high = middle;
    }
    return 0.5 * (low + high);
  }
  const known = new Map();
  function quantile(level, df) {
    const key = `${level} ${df}`;
    if (!known.has(key)) known.set(key, meets((t) => bothTails(t, df), 1 - level));
    return known.get(key);
  }

  function weighted(y, v, tau2) {
    const w = v.map((one) => 1 / (one + tau2));
    const total = sum(w);
    const mean = y[0] + sum(w.map((one, i) => one * (y[i] - y[0]))) / total;
    return { w, total, mean, q: sum(w.map((one, i) => one * (y[i] - mean) ** 2)), trace: total - sum(w.map((one) => one * one)) / total };
  }

  function likeliest(y, v, dispersion, restricted) {
    const score = (tau2) => {
      const { w, total, mean, trace } = weighted(y, v, tau2);
      return sum(w.map((one, i) => (one * (y[i] - mean)) ** 2)) - (restricted ? trace : total);
    };
    const height = (tau2) => {
      const { total, q } = weighted(y, v, tau2);
      return -sum(v.map((one) => Math.log(one + tau2))) - (restricted ? Math.log(total) : 0) - q;
    };
    const least = Math.min(...v);
    const places = [0];
    const most = Math.log1p((4 * (dispersion + Math.max(...v))) / least);
    for (let u = 0.05; u < most + 0.05; u += 0.05) places.push(least * Math.expm1(u));
    const slopes = places.map(score);
    const peaks = slopes[0] <= 0 ? [0] : [];
    for (let i = 1; i < places.length; i += 1) {
      if (!(slopes[i - 1] > 0 && slopes[i] <= 0)) continue;
      let [low, high] = [places[i - 1], places[i]];
      for (let n = 0; n < 200 && high - low > 1e-15 * (high + least); n += 1) {
        const middle = 0.5 * (low + high);
        if (score(middle) > 0) low = middle;
        else high = middle;
      }
      peaks.push(0.5 * (low + high));
    }
    return peaks.reduce((best, one) => (height(one) > height(best) ? one : best), peaks[0] ?? 0);
  }

  function between(y, v, method) {
    const k = y.length;
    const df = k - 1;
    if (k < 2 || method === "EE") return 0;
    const plain = sum(y.map((one) => one - y[0])) / k + y[0];
    const dispersion = sum(y.map((one) => (one - plain) ** 2));
    if (method === "REML" || method === "ML") return likeliest(y, v, dispersion, method === "REML");
    const generalised = (tau2) => weighted(y, v, tau2).q;
    const { q, total, trace } = weighted(y, v, 0);
    if (method === "PM" || method === "EB" || method === "PMM") {
      const target = method === "PMM" ? meets((x) => chi2Tail(x, df), 0.5) : df;
      return q > target ? meets(generalised, target) : 0;
    }
    let tau2 = NaN;
    if (method === "DL") tau2 = (q - df) / trace;
    else if (method === "DL2") {
      const first = Math.max((q - df) / trace, 0);
      const second = weighted(y, v, first);
      tau2 = first + (second.q - df) / second.trace;
    } else if (method === "HS") tau2 = (q - k) / total;
    else if (method === "HE") tau2 = dispersion / df - sum(v) / k;
    else if (method === "SJ") tau2 = ((dispersion / k) * generalised(dispersion / k)) / df;
    return Math.max(tau2, 0);
  }

  function pool(y, v, { method, ci, level, prediction }) {
    const k = y.length;
    const tau2 = between(y, v, method);
    const start = weighted(y, v, 0);
    const { w, total, mean, q } = weighted(y, v, tau2);
    const df = k > 1 && ci !== "z" ? k - 1 : Infinity;
    let scale = 1;
    if (k > 1 && ci.startsWith("HKSJ")) scale = ci === "HKSJ" ? q / (k - 1) : Math.max(q / (k - 1), 1);
    const se = Math.sqrt(scale / total);
    const half = quantile(level, df) * se;
    const ratio = k > 1 ? (tau2 * start.trace) / (k - 1) : 0;
    const h2 = k > 1 ? start.q / (k - 1) : 1;
    const share = method === "EE" ? 1 - 1 / Math.max(h2, 1) : ratio / (1 + ratio);
    const predicted = k > 1 && method !== "EE";
    const reach = predicted && quantile(level, prediction === "z" ? Infinity : Math.max(k - (prediction === "HTS" ? 2 : 1), 1)) * Math.sqrt(tau2 + se * se);
    return {
      k, tau2, se, df, estimate: mean, ci_low: mean - half, ci_high: mean + half,
      p_value: se > 0 ? bothTails(mean / se, df) : null, i2: 100 * share, q: start.q, q_df: k - 1, q_p: chi2Tail(start.q, k - 1),
      prediction_low: predicted ? mean - reach : null, prediction_high: predicted ? mean + reach : null,
      weights: w.map((one) => (100 * one) / total),
    };
  }

  // Whether the prediction interval is wider than the confidence interval; else no difference between studies was found.
  function predicts(fit) {
    return fit.prediction_low !== null && fit.prediction_high - fit.prediction_low > (fit.ci_high - fit.ci_low) * (1 + 1e-9);
  }

  // Fixed decimals with commas between thousands and a true minus sign, halves to the even digit as the library writes them.
  function number(value, digits) {
    if (value === null || Number.isNaN(value)) return "";
    if (!Number.isFinite(value)) return value > 0 ? "\u221e" : "\u2212\u221e";
    const size = Math.abs(value);
    let text = size.toFixed(digits);
    const rest = size < 1e20 ? size.toFixed(digits + 60).slice(-60) : "";
    if (/^50*$/.test(rest)) {
      const low = size.toFixed(digits + 60).slice(0, -60).replace(/\.$/, "");
      if (Number(low.slice(-1)) % 2 === 0) text = low;
    }
    const sign = value < 0 && Number(text) ? "\u2212" : "";
    return sign + text.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
  }
  function significant(value, figures = 3) {
    if (value === 0 || !Number.isFinite(value)) return number(value, 0);
    return number(value, Math.min(Math.max(figures - 1 - Math.floor(Math.log10(Math.abs(value))), 0), 12));
  }
  function pValue(p) {
    if (p === null || Number.isNaN(p)) return "P not estimable";
    if (p < 0.001) return "P < .001";
    if (p > 0.99) return "P > .99";
    return "P = " + number(p, p < 0.01 || (p >= 0.045 && p <= 0.055) ? 3 : 2).replace(/^0/, "");
  }
  function heterogeneity(fit, method) {
    if (fit.k < 2) return "Heterogeneity: not estimable from one study";
    const tau2 = method === "EE" ? "" : `\u03c4\u00b2 = ${significant(fit.tau2)}, `;
    return `Heterogeneity: ${tau2}I\u00b2 = ${number(fit.i2, 0)}%, Q = ${number(fit.q, 2)} on ${fit.q_df} df, ${pValue(fit.q_p)}`;
  }
  return { pool, predicts, number, significant, pValue, heterogeneity };
})();
