# Reference values for small-study effects: metafor, and plain least squares, on public data sets of metadat.
# Usage: Rscript validation/small_study.R     writes validation/small_study.json
# Harbord, Peters, Debray, PET-PEESE, limit meta-analysis and the LFK index are written out here from their papers.

suppressPackageStartupMessages({library(metafor); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

smd <- function(d) escalc("SMD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i, data = d)
full <- list(
  bcg = cbind(escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg),
              n = with(dat.bcg, tpos + tneg + cpos + cneg)),
  hackshaw1998 = cbind(dat.hackshaw1998, n = NA),
  molloy2014 = cbind(escalc("ZCOR", ri = ri, ni = ni, data = dat.molloy2014), n = dat.molloy2014$ni),
  dorn2007 = cbind(escalc("RR", ai = x.a, n1i = n.a, ci = x.p, n2i = n.p, data = dat.dorn2007),
                   n = dat.dorn2007$n.a + dat.dorn2007$n.p),
  normand1999 = cbind(smd(dat.normand1999), n = dat.normand1999$n1i + dat.normand1999$n2i),
  gibson2002 = cbind(smd(dat.gibson2002), n = dat.gibson2002$n1i + dat.gibson2002$n2i),
  raudenbush1985 = cbind(dat.raudenbush1985, n = dat.raudenbush1985$n1i + dat.raudenbush1985$n2i),
  egger2001 = cbind(escalc("OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = dat.egger2001),
                    n = dat.egger2001$n1i + dat.egger2001$n2i),
  bangertdrowns2004 = cbind(dat.bangertdrowns2004[, c("yi", "vi")], n = dat.bangertdrowns2004$ni),
  lehmann2018 = cbind(dat.lehmann2018[, c("yi", "vi")], n = dat.lehmann2018$Total.SampleSize)
)
sets <- lapply(full, function(d) {
  d <- data.frame(yi = as.numeric(d$yi), vi = as.numeric(d$vi), n = as.numeric(d$n))
  d[!is.na(d$yi) & !is.na(d$vi) & d$vi > 0, ]
})
names_ci <- c(z = "z", t = "t", knha = "HKSJ", adhoc = "HKSJ-adhoc")
fits <- list(c("EE", "z"), c("DL", "z"), c("REML", "knha"), c("ML", "t"), c("PM", "adhoc"), c("SJ", "z"),
             c("HE", "knha"), c("HS", "z"), c("EB", "z"))
control <- list(threshold = 1e-14, tol = 1e-14, maxiter = 100000)
fit <- function(d, method, test) suppressWarnings(
  rma(yi, vi, data = d, method = method, test = test, control = control))

cases <- list()
add <- function(fun, set, values, options = list(), method = "REML", test = "z") {
  cases[[length(cases) + 1]] <<- list(`function` = fun, data = set, method = method, ci = unname(names_ci[test]),
                                      options = options, values = lapply(values, as.numeric))
}

# Funnel asymmetry
predictors <- c("sei", "vi", "ni", "ninv", "sqrtni", "sqrtninv")
for (set in names(sets)) {
  d <- sets[[set]]
  for (predictor in predictors) {
    if (anyNA(d$n) && !(predictor %in% c("sei", "vi"))) next
    for (one in fits) for (model in c("rma", "lm")) {
      if (model == "lm" && one[1] != "EE") next
      if (!(predictor %in% c("sei", "sqrtninv")) && !(one[1] %in% c("EE", "REML"))) next
      x <- if (anyNA(d$n)) regtest(fit(d, one[1], one[2]), predictor = predictor, model = model, ret.fit = TRUE) else
        regtest(fit(d, one[1], one[2]), predictor = predictor, model = model, ni = d$n, ret.fit = TRUE)
      coefs <- coef(summary(x$fit))
      values <- list(statistic = x$zval, p_value = x$pval, slope = coefs[2, 1], slope_se = coefs[2, 2])
      if (model == "rma") values$tau2 <- x$fit$tau2
      if (!is.null(x$est)) values <- c(values, list(limit = x$est, limit_low = x$ci.lb, limit_high = x$ci.ub))
      add("egger", set, values, list(predictor = predictor, model = model), one[1], one[2])
    }
  }
  r <- suppressWarnings(ranktest(d$yi, d$vi))
  add("begg", set, list(tau = r$tau, p_value = r$pval))
}

# Trim and fill
for (set in names(sets)) for (one in fits[c(1, 2, 3, 5, 6)]) for (estimator in c("L0", "R0", "Q0"))
  for (side in c("auto", "left", "right")) {
    x <- fit(sets[[set]], one[1], one[2])
    # trimfill() does not hand the kind of test on to the filled fit unless told so.
    more <- list(x = x, estimator = estimator, control = control, test = one[2])
    if (side != "auto") more$side <- side
    r <- try(suppressWarnings(do.call(trimfill, more)), silent = TRUE)
    if (inherits(r, "try-error")) next
    values <- list(missing = r$k0, missing_se = r$se.k0, right = r$side == "right", estimate = r$beta, se = r$se,
                   ci_low = r$ci.lb, ci_high = r$ci.ub, tau2 = r$tau2, q = r$QE,
                   last_effect = tail(as.numeric(r$yi), 1))
    if (estimator == "R0") values$missing_p <- r$p.k0
    add("trim_and_fill", set, values, list(side = side, estimator = estimator), one[1], one[2])
  }

message("fail-safe N")

# Fail-safe N
for (set in names(sets)) {
  d <- sets[[set]]
  for (alpha in c(0.05, 0.01)) {
    r <- fsn(d$yi, d$vi, type = "Rosenthal", alpha = alpha)
    add("failsafe_n", set, list(n = r$fsnum, p_value = r$pval), list(type = "Rosenthal", alpha = alpha))
    r <- fsn(d$yi, d$vi, type = "Rosenberg", alpha = alpha)
    add("failsafe_n", set, list(n = r$fsnum, p_value = r$pval, mean = r$meanes), list(type = "Rosenberg", alpha = alpha))
    r <- fsn(d$yi, d$vi, type = "Rosenthal", test = "Fisher", alpha = alpha)
    # fsn() searches a step function with a tolerance; the smallest number that suffices is found by counting.
    fisher <- function(n) metafor:::.fsn.fisher(n, pnorm(abs(d$yi / sqrt(d$vi)), lower.tail = FALSE), alpha)
    number <- max(0, r$fsnum - 10); while (fisher(number) < 0) number <- number + 1
    add("failsafe_n", set, list(n = number, p_value = r$pval), list(type = "Fisher", alpha = alpha))
  }
  for (weighted in c(FALSE, TRUE)) {
    r <- fsn(d$yi, d$vi, type = "Orwin", weighted = weighted)
    add("failsafe_n", set, list(n = r$fsnum, mean = r$meanes, target = r$target), list(type = "Orwin", weighted = weighted))
    r <- fsn(d$yi, d$vi, type = "Orwin", weighted = weighted, target = 0.05)
    add("failsafe_n", set, list(n = r$fsnum, mean = r$meanes, target = r$target),
        list(type = "Orwin", weighted = weighted, target = 0.05))
  }
}

message("excess significance")

# Excess significance. tes() integrates the power over mean -/+ 5 tau; it is given an integral over twice that range here,
# in pieces of one tau, which is exact to rounding.
tes_whole <- local({
  whole <- new.env(parent = asNamespace("metafor"))
  whole$integrate <- function(f, lower, upper, ..., rel.tol) {
    cut <- (lower + upper) / 2 + (upper - lower) / 10 * (-10:10)
    pieces <- mapply(function(from, to) stats::integrate(f, from, to, ..., rel.tol = 1e-12, abs.tol = 0)$value,
                     cut[-21], cut[-1])
    list(value = sum(pieces))
  }
  given <- metafor::tes
  environment(given) <- whole
  given
})
for (set in names(sets)) for (method in c("EE", "REML")) for (test in c("exact", "chi2", "binom"))
  for (alternative in c("two.sided", "greater", "less")) {
    d <- sets[[set]]
    if (nrow(d) > 10 && test == "exact") next
    if (nrow(d) > 40) next
    x <- fit(d, method, "z")
    run <- function(theta) suppressWarnings(tes_whole(d$yi, d$vi, theta = theta, tau2 = x$tau2, test = test,
      alternative = alternative, progbar = FALSE, find.lim = FALSE))
    r <- run(as.numeric(x$beta))
    values <- list(observed = r$O, expected = r$E, p_value = r$pval, power = r$power)
    if (test == "chi2") values$statistic <- r$X2
    if (run(0)$pval < 0.1) {
      theta <- as.numeric(x$beta)
      lim <- try(suppressWarnings(uniroot(function(m) run(m)$pval - 0.1, sort(c(0, theta)), tol = 1e-12,
        extendInt = if (theta >= 0) "upX" else "downX")$root), silent = TRUE)
      if (!inherits(lim, "try-error")) values$limit <- lim
    }
    add("excess_significance", set, values,
        list(test = test, alternative = sub(".", "-", alternative, fixed = TRUE)), method, "z")
  }

message("selection models")

# Selection models. selmodel() stops near the maximum; Newton steps on its own log-likelihood, with derivatives by Richardson
# extrapolation, go the rest of the way. The parameters are beta, tau2 and the free weights delta; what selmodel() leaves at
# a bound of its search stays there.
height <- function(r, beta, tau2, delta) {
  fun <- getFromNamespace(if (r$type == "stepfun") ".selmodel.ll.stepfun" else ".selmodel.ll.cont", "metafor")
  -fun(c(beta, tau2, delta), yi = c(r$yi), vi = r$vi, X = r$X, preci = rep(1, r$k), k = r$k, pX = 1, pvals = r$pvals,
       deltas = length(delta), delta.val = rep(NA, length(delta)), delta.transf = FALSE,
       mapfun = rep(NA, length(delta)), delta.min = 0, delta.max = 100, tau2.val = NA, tau2.transf = FALSE, tau2.max = Inf,
       beta.val = NA, wi.fun = r$wi.fun, steps = r$steps, pgrp = r$pgrp, alternative = r$alternative, pval.min = r$pval.min,
       intCtrl = list(lower = -Inf, upper = Inf, subdivisions = 1000L, rel.tol = 1e-11), verbose = FALSE, digits = r$digits)
}
polish <- function(r, method) {
  least <- if (r$type == "stepfun") 1e-8 else 1e-5
  delta <- ifelse(r$delta < 5 * least, least, ifelse(r$delta > 99.9, 100, r$delta))
  free <- which(delta > least & delta < 100 & (r$type != "stepfun" | seq_along(delta) > 1))
  tau2_free <- method != "EE" && r$tau2 > 1e-6
  split <- function(par) list(beta = par[1], tau2 = if (tau2_free) par[2] else 0,
                              delta = replace(delta, free, par[(1 + tau2_free) + seq_along(free)]))
  target <- function(par) { at <- split(par); height(r, at$beta, at$tau2, at$delta) }
  at <- c(r$beta, if (tau2_free) r$tau2, delta[free])
  best <- target(at)
  lowest <- c(-Inf, if (tau2_free) 0, rep(least, length(free)))
  precision <- if (r$type == "stepfun") 1e-12 else 1e-9  # of the logarithm; with beta weights it is integrated
  for (step in 1:10) {
    H <- numDeriv::hessian(target, at); g <- numDeriv::grad(target, at)
    if (!all(is.finite(H)) || any(eigen(-H, symmetric = TRUE)$values <= 0)) return(NULL)
    move <- solve(-H, g)
    while (any(at + move < lowest) || !isTRUE(target(at + move) >= best - precision)) {
      move <- move / 2
      if (max(abs(move)) < 1e-10) return(NULL)
    }
    at <- at + move; best <- target(at)
    if (max(abs(move) / pmax(abs(at), 1e-3)) < 1e-7) break
  }
  inside <- all(delta > least & delta < 100)
  c(list(ll = best, se = if (inside) sqrt(solve(-H)[1, 1])), split(at))
}
chosen <- c("bcg", "hackshaw1998", "dorn2007", "normand1999", "gibson2002", "raudenbush1985", "molloy2014")
for (set in chosen) for (method in c("EE", "ML")) for (type in c("stepfun", "beta"))
  for (alternative in c("greater", "less", "two.sided")) for (steps in list(0.025, c(0.025, 0.5), 0.05)) {
    if (type == "beta" && length(steps) + steps[1] != 1.05) next
    d <- sets[[set]]
    if (type == "beta" && nrow(d) > 20) next
    x <- fit(d, method, "z")
    ctrl <- list(reltol = 1e-13, maxit = 1000, intCtrl = list(rel.tol = 1e-8, subdivisions = 1000L))
    r <- try(suppressWarnings(if (type == "beta") selmodel(x, type = "beta", alternative = alternative,
        skiphes = TRUE, skiphet = TRUE, control = ctrl) else
      selmodel(x, type = "stepfun", steps = steps, alternative = alternative, skiphes = TRUE, skiphet = TRUE, control = ctrl)),
      silent = TRUE)
    if (inherits(r, "try-error")) next
    values <- list(log_likelihood = r$ll, unadjusted_log_likelihood = r$ll0, estimate = r$beta, tau2 = r$tau2,
                   delta = r$delta, lrt = r$LRT, lrt_df = r$LRTdf, lrt_p = r$LRTp)
    at <- suppressWarnings(try(polish(r, method), silent = TRUE))
    if (is.list(at)) {
      lrt <- 2 * (at$ll - r$ll0)
      values <- modifyList(values, list(log_likelihood = at$ll, estimate = at$beta, tau2 = at$tau2, delta = at$delta,
                                        lrt = lrt, lrt_p = pchisq(lrt, r$LRTdf, lower.tail = FALSE)))
      if (at$tau2 > 1e-4 || method == "EE") values$se <- at$se
      values$polished <- TRUE
    }
    add("selection_model", set, values, list(type = if (type == "beta") "beta" else "step", steps = as.list(steps),
      alternative = sub(".", "-", alternative, fixed = TRUE)), method, "z")
  }

# PET-PEESE by weighted least squares
for (set in names(sets)) {
  d <- sets[[set]]
  for (form in c("WLS", "FE")) {
    one <- function(z) {
      m <- lm(d$yi ~ z, weights = 1 / d$vi); s <- summary(m); scale <- if (form == "FE") s$sigma else 1
      est <- coef(s)[, 1]; se <- coef(s)[, 2] / scale; df <- if (form == "FE") Inf else m$df.residual
      crit <- qt(0.975, df); p <- 2 * pt(-abs(est / se), df)
      c(est[1], se[1], est[1] - crit * se[1], est[1] + crit * se[1], p[1], est[2], se[2], p[2])
    }
    pet <- one(sqrt(d$vi)); peese <- one(d$vi)
    add("pet_peese", set, list(pet = pet, peese = peese, is_peese = pet[5] < 0.1), list(form = form))
  }
}

# Limit meta-analysis (Ruecker et al. 2011) by least squares in the radial plots
for (set in names(sets)) for (method in c("EE", "DL", "REML")) {
  d <- sets[[set]]; x <- fit(d, method, "z"); k <- nrow(d)
  s <- sqrt(d$vi); st <- sqrt(d$vi + x$tau2); tau <- sqrt(x$tau2)
  generalised <- coef(lm(I(d$yi / st) ~ I(1 / st))); alpha <- generalised[[1]]; beta <- generalised[[2]]
  limit <- beta + tau / st * (d$yi - beta)
  lim <- if (method == "EE") NULL else lm(I(limit / s) ~ I(1 / s))
  se <- 1 / sqrt(sum((1 / s - mean(1 / s))^2))
  radial <- lm(I(d$yi / s) ~ I(1 / s))
  residual <- sum(resid(radial)^2)
  mulim <- sum(limit / d$vi) / sum(1 / d$vi)
  values <- list(limit_effect = limit, alpha = alpha, beta = beta, q_residual = residual, q_small = x$QE - residual)
  if (!is.null(lim)) values$g2 <- 100 * sum(resid(lim)^2) / sum((limit / s - mean(limit / s))^2)
  add("limit_meta", set, c(list(estimate = beta + tau * alpha, se = se), values), list(adjustment = "beta0"), method)
  if (!is.null(lim)) add("limit_meta", set, list(estimate = coef(lim)[[2]], se = se), list(adjustment = "betalim"), method)
  add("limit_meta", set, list(estimate = mulim, se = sqrt(1 / sum(1 / d$vi))), list(adjustment = "mulim"), method)
}

# Doi plot and LFK index (Furuya-Kanamori et al. 2018)
for (set in names(sets)) {
  d <- sets[[set]][order(sets[[set]]$yi, sets[[set]]$vi), ]
  size <- 100 * max(d$vi) / d$vi
  z <- qnorm((cumsum(size) - size / 2 - 0.5) / sum(size))
  from <- d$yi - d$yi[which.min(abs(z))]
  add("doi_plot", set, list(lfk = 5 / (2 * nrow(d)) * sum(z + diff(range(z)) / diff(range(d$yi)) * from), z = z))
}

# Tests from counts
tables <- list(
  bcg = with(dat.bcg, data.frame(a = tpos, b = tneg, c = cpos, d = cneg)),
  hine1989 = with(dat.hine1989, data.frame(a = ai, b = n1i - ai, c = ci, d = n2i - ci)),
  egger2001 = with(dat.egger2001, data.frame(a = ai, b = n1i - ai, c = ci, d = n2i - ci)),
  lee2004 = with(dat.lee2004, data.frame(a = ai, b = n1i - ai, c = ci, d = n2i - ci)),
  li2007 = with(dat.li2007, data.frame(a = ai, b = n1i - ai, c = ci, d = n2i - ci)),
  linde2005 = with(dat.linde2005, data.frame(a = ai, b = n1i - ai, c = ci, d = n2i - ci)),
  collins1985a = with(dat.collins1985a, na.omit(data.frame(a = b.xti, b = nti - b.xti, c = b.xci, d = nci - b.xci)))
)
tables <- lapply(tables, function(t) as.data.frame(lapply(na.omit(t), as.numeric)))
line <- function(y, x, w) {
  m <- lm(y ~ x, weights = w); s <- coef(summary(m)); ci <- confint(m)
  list(slope = s[2, 1], slope_se = s[2, 2], statistic = s[2, 3], p_value = s[2, 4], limit = s[1, 1],
       limit_low = ci[1, 1], limit_high = ci[1, 2])
}
for (set in names(tables)) {
  t <- tables[[set]]; t <- t[t$a + t$c > 0 & t$b + t$d > 0, ]
  n1 <- t$a + t$b; n2 <- t$c + t$d; n <- n1 + n2; e <- t$a + t$c
  V <- n1 * n2 * e * (n - e) / (n^2 * (n - 1)); Z <- t$a - e * n1 / n
  add("harbord", set, line(Z / V, 1 / sqrt(V), V))
  or <- escalc("OR", ai = a, bi = b, ci = c, di = d, data = t, add = 0.5, to = "only0")
  add("peters", set, line(or$yi, 1 / n, 1 / (1 / e + 1 / (n - e))))
  add("debray", set, line(or$yi, 1 / e, 1 / or$vi), list(weights = "FIV"))
  h <- ifelse(t$a == 0 | t$c == 0, 0.5, 0)
  add("debray", set, line(or$yi, 1 / (e + 2 * h), 1 / (1 / (t$a + h) + 1 / (t$c + h))), list(weights = "FAV"))
}

out <- list(source = paste("metafor", packageVersion("metafor")),
            data = lapply(sets, function(d) list(effect = d$yi, variance = d$vi, n = d$n)),
            tables = lapply(tables, as.list), cases = cases)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, na = "null"), file.path(folder, "small_study.json"))
cat(length(cases), "cases\n")
print(table(sapply(cases, `[[`, "function")))
