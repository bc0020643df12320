# Reference values for rare events: metafor's rma.mh, rma.peto and rma.glmm on public data sets.
# Usage: Rscript validation/rare.R     writes validation/rare.json
# Needs the packages metafor, metadat, lme4, BiasedUrn, numDeriv, jsonlite.

suppressPackageStartupMessages({library(metafor); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

counts <- function(a, n1, c, n2) data.frame(a = a, b = n1 - a, c = c, d = n2 - c)
sets <- list(
  bcg = with(dat.bcg, data.frame(a = tpos, b = tneg, c = cpos, d = cneg)),
  linde2005 = with(dat.linde2005, counts(ai, n1i, ci, n2i)),
  li2007 = with(dat.li2007, counts(ai, n1i, ci, n2i)),
  hine1989 = with(dat.hine1989, counts(ai, n1i, ci, n2i)),
  lee2004 = with(dat.lee2004, counts(ai, n1i, ci, n2i)),
  nielweise2007 = with(dat.nielweise2007, counts(ai, n1i, ci, n2i)),
  hahn2001 = with(dat.hahn2001, counts(ai, n1i, ci, n2i)),
  axfors2021 = with(subset(dat.axfors2021, hcq_cq == "hcq"),
                    counts(hcq_arm_event, hcq_arm_total, control_arm_event, control_arm_total)),
  dorn2007 = with(dat.dorn2007, counts(x.a, n.a, x.p, n.p)),
  yusuf1985_6 = with(subset(dat.yusuf1985, table == "6"), counts(ai, n1i, ci, n2i)),
  yusuf1985_12a = with(subset(dat.yusuf1985, table == "12a"), counts(ai, n1i, ci, n2i)),
  collins1985a = with(dat.collins1985a, counts(b.xti, nti, b.xci, nci)),
  collins1985b = with(dat.collins1985b, counts(pre.xti, pre.nti, pre.xci, pre.nci))
)
sets <- lapply(sets, function(d) d[complete.cases(d) & d$a + d$b > 0 & d$c + d$d > 0, ])
sets <- sets[sapply(sets, nrow) > 1]

number <- function(x) { x <- unname(as.numeric(x)); if (length(x) != 1 || !is.finite(x)) NULL else x }
keep <- function(values) values[!sapply(values, is.null)]
cases <- list()
note <- function(fun, set, options, values, reference = "metafor 3.8.1")
  cases[[length(cases) + 1]] <<- list(`function` = fun, data = set, options = options, reference = reference,
                                      expected = lapply(keep(values), identity))

for (set in names(sets)) {
  d <- sets[[set]]
  for (measure in c("OR", "RR", "RD")) for (correct in c(TRUE, FALSE)) for (to in c("none", "only0")) {
    if (measure != "OR" && !correct) next
    m <- suppressWarnings(rma.mh(ai = a, bi = b, ci = c, di = d, data = d, measure = measure, correct = correct,
                                 add = c(1/2, if (to == "none") 0 else 1/2), to = c("only0", to), level = 95))
    w <- as.numeric(weights(m))
    note("mantel_haenszel", set, list(measure = measure, correct = correct, to = to, add = if (to == "none") 0 else 0.5),
         list(estimate = number(m$beta), se = number(m$se), ci_low = number(m$ci.lb), ci_high = number(m$ci.ub),
              statistic = number(m$zval), p_value = number(m$pval), q = number(m$QE), q_p = number(m$QEp),
              i2 = number(m$I2), h2 = number(m$H2), cochran = number(m$CO), cochran_p = number(m$COp),
              cmh = number(m$MH), cmh_p = number(m$MHp), breslow_day = number(m$BD), breslow_day_p = number(m$BDp),
              tarone = number(m$TA), tarone_p = number(m$TAp), first_weight = number(w[1]), last_weight = number(w[length(w)])))
  }
  m <- suppressWarnings(rma.peto(ai = a, bi = b, ci = c, di = d, data = d))
  note("peto", set, setNames(list(), character(0)),
       list(estimate = number(m$beta), se = number(m$se), ci_low = number(m$ci.lb), ci_high = number(m$ci.ub),
            statistic = number(m$zval), p_value = number(m$pval), q = number(m$QE), q_p = number(m$QEp),
            i2 = number(m$I2), h2 = number(m$H2)))
}

# Generalised linear mixed models. metafor's fit first; its log-likelihood is left out where lme4 used several quadrature
# points, because the deviance it is taken from is then not comparable. Second, and independent of it, the maximum found by
# nlminb over a likelihood integrated numerically to 1e-11 (`integrate`), with standard errors from numDeriv.
log_integral <- function(f, tau) {
  if (tau == 0) return(f(0))
  g <- function(z) f(z * tau) + dnorm(z, log = TRUE)
  at <- optimize(g, c(-12, 12), maximum = TRUE, tol = 1e-8)
  h <- function(z) exp(g(z) - at$objective)
  cut <- sort(unique(c(-15, at$maximum - c(3, 1, 0.3, 0, -0.3, -1, -3), 15)))
  log(sum(sapply(seq_along(cut[-1]), function(i)
    integrate(h, cut[i], cut[i + 1], rel.tol = 1e-11, abs.tol = 1e-14, subdivisions = 500)$value))) + at$objective
}
study <- function(model, r, beta, tau) {
  n1 <- r$a + r$b; n2 <- r$c + r$d; m <- r$a + r$c
  if (model == "CM.AL") return(log_integral(function(u) dbinom(r$a, m, plogis(beta + u + log(n1 / n2)), log = TRUE), tau))
  if (model == "CM.EL") {
    x <- max(0, m - n2):min(n1, m)
    ways <- lchoose(n1, x) + lchoose(n2, m - x)
    return(log_integral(Vectorize(function(u) {
      e <- ways + x * (beta + u); ways[x == r$a] + r$a * (beta + u) - max(e) - log(sum(exp(e - max(e))))
    }), tau))
  }
  of_alpha <- function(alpha) log_integral(function(u) dbinom(r$a, n1, plogis(alpha + beta + u / 2), log = TRUE) +
                                             dbinom(r$c, n2, plogis(alpha - u / 2), log = TRUE), tau)
  mid <- qlogis((m + 0.5) / (n1 + n2 + 1))
  optimize(of_alpha, mid + c(-4, 4), maximum = TRUE, tol = 1e-9)$objective
}
brute <- function(model, d) {
  d <- d[d$a + d$c > 0 & d$b + d$d > 0, ]
  minus <- function(par) -sum(sapply(seq_len(nrow(d)), function(i) study(model, d[i, ], par[1], abs(par[2]))))
  fits <- lapply(list(c(0, 0.3), c(0, 1)), function(start) nlminb(start, minus, control = list(rel.tol = 1e-14, x.tol = 1e-9)))
  fit <- fits[[which.min(sapply(fits, `[[`, "objective"))]]
  tau <- abs(fit$par[2])
  if (tau < 1e-3) {
    one <- optimize(function(b) minus(c(b, 0)), fit$par[1] + c(-1, 1), tol = 1e-9)
    v <- 1 / numDeriv::hessian(function(b) minus(c(b, 0)), one$minimum)
    return(list(estimate = one$minimum, se = sqrt(v[1]), tau2 = 0, log_likelihood = -one$objective))
  }
  v <- solve(numDeriv::hessian(minus, c(fit$par[1], tau)))
  list(estimate = fit$par[1], se = sqrt(v[1, 1]), tau2 = tau^2, log_likelihood = -fit$objective)
}

# rma.glmm with every tolerance as tight as the data allow: lme4's inner iterations do not settle below a tolerance that
# depends on the data, so that the smallest at which they do is used.
precise_glmm <- function(d, model) {
  fit <- function(...) try(suppressWarnings(
    rma.glmm(ai = a, bi = b, ci = c, di = d, data = d, measure = "OR", model = model, ...)), silent = TRUE)
  if (model == "CM.EL")
    return(fit(control = list(optimizer = "nlminb", rel.tol = 1e-12, x.tol = 1e-10, dnchgprec = 1e-12,
                              hessianCtrl = list(r = 4, d = 0.02), intCtrl = list(rel.tol = 1e-10, subdivisions = 1000L))))
  for (tolerance in 10^(-13:-8)) {
    m <- fit(nAGQ = 50, control = list(glmerCtrl = list(tolPwrss = tolerance, optimizer = "bobyqa",
                                                        optCtrl = list(rhobeg = 1e-2, rhoend = 1e-10, maxfun = 1e5))))
    if (!inherits(m, "try-error")) break
  }
  m
}
for (set in names(sets)) {
  d <- sets[[set]]
  for (model in c("UM.FS", "CM.AL", "CM.EL")) {
    if (model == "UM.FS" && nrow(d) > 30) next
    if (model == "CM.EL" && max(d$a + d$c) > 400) next
    m <- precise_glmm(d, model)
    if (inherits(m, "try-error")) cat("metafor fails:", set, model, m)
    else if (m$se < 1e-3) cat("metafor's optimiser stopped early:", set, model, "\n")
    else note("glmm", set, list(model = model),
         list(estimate = number(m$beta), se = number(m$se), tau2 = number(m$tau2), ci_low = number(m$ci.lb),
              ci_high = number(m$ci.ub), lrt = number(m$QE.LRT),
              log_likelihood = if (model == "CM.EL") number(m$fit.stats["ll", "ML"])),
         "metafor 3.8.1 with lme4 or BiasedUrn")
    if (nrow(d) <= 25) {
      b <- brute(model, d)
      note("glmm", set, list(model = model), b, "numerical integration in R")
      cat(set, model, unlist(b), "\n")
    }
  }
}

writeLines(toJSON(list(reference = "metafor 3.8.1", data = lapply(sets, function(d) lapply(as.list(d), I)), cases = cases),
                  digits = NA, auto_unbox = TRUE), file.path(folder, "rare.json"))
cat(length(cases), "cases,", sum(sapply(cases, function(x) length(x$expected))), "values\n")
