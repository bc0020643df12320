# Proportions and rates: binomial-normal and Poisson-normal models by rma.glmm of metafor (through lme4) and, independent of
# it, by maxima of a likelihood integrated numerically; pooled results brought back to their own scale by metafor's
# transformations.
# Run from the root of the repository: Rscript validation/rates.R

suppressMessages({
  library(metafor)
  library(jsonlite)
})

nielweise <- with(dat.nielweise2008, data.frame(events1 = x1i, time1 = t1i, events2 = x2i, time2 = t2i))
hart <- with(dat.hart1999, data.frame(events1 = x1i, time1 = t1i, events2 = x2i, time2 = t2i))
sets <- list(
  pritz1997 = with(dat.pritz1997, data.frame(events = xi, n = ni)),
  debruin2009 = with(dat.debruin2009, data.frame(events = xi, n = ni)),
  rare_grid = data.frame(events = c(0, 0, 1, 0, 2, 0, 7), n = c(12, 40, 33, 8, 110, 25, 60)),
  hart1999_treated = with(hart, data.frame(events = events1, time = time1)),
  nielweise2008_treated = with(nielweise, data.frame(events = events1, time = time1)),
  hart1999 = hart,
  nielweise2008 = nielweise
)
sets <- lapply(sets, function(d) d[complete.cases(d), ])
number <- function(x) { x <- unname(as.numeric(x)); if (length(x) != 1 || !is.finite(x)) NULL else x }
cases <- list()
note <- function(fun, set, options, values, reference)
  cases[[length(cases) + 1]] <<- list(`function` = fun, data = set, options = options, reference = reference,
                                      expected = Filter(Negate(is.null), lapply(values, number)))

log_integral <- function(f, tau) {
  if (tau == 0) return(f(0))
  g <- function(z) f(z * tau) + dnorm(z, log = TRUE)
  at <- optimize(g, c(-12, 12), maximum = TRUE, tol = 1e-8)
  h <- function(z) exp(g(z) - at$objective)
  cut <- sort(unique(c(-15, at$maximum - c(3, 1, 0.3, 0, -0.3, -1, -3), 15)))
  log(sum(sapply(seq_along(cut[-1]), function(i)
    integrate(h, cut[i], cut[i + 1], rel.tol = 1e-11, abs.tol = 1e-14, subdivisions = 500)$value))) + at$objective
}
study <- function(measure, model, r, beta, tau) {
  if (measure == "PLO") return(log_integral(function(u) dbinom(r$events, r$n, plogis(beta + u), log = TRUE), tau))
  if (measure == "IRLN") return(log_integral(function(u) dpois(r$events, r$time * exp(beta + u), log = TRUE), tau))
  if (model == "CM.EL") return(log_integral(function(u)
    dbinom(r$events1, r$events1 + r$events2, plogis(beta + u + log(r$time1 / r$time2)), log = TRUE), tau))
  of_alpha <- function(alpha) log_integral(function(u)
    dpois(r$events1, r$time1 * exp(alpha + beta + u / 2), log = TRUE) +
      dpois(r$events2, r$time2 * exp(alpha - u / 2), log = TRUE), tau)
  mid <- log((r$events1 + r$events2) / (r$time1 + r$time2))
  optimize(of_alpha, mid + c(-4, 4), maximum = TRUE, tol = 1e-9)$objective
}
brute <- function(measure, model, d, start) {
  minus <- function(par) -sum(sapply(seq_len(nrow(d)), function(i) study(measure, model, d[i, ], par[1], abs(par[2]))))
  fits <- lapply(list(c(start, 0.3), c(start, 1)), function(at)
    nlminb(at, minus, control = list(rel.tol = 1e-14, x.tol = 1e-9)))
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
# As in rare.R: the smallest tolerance at which lme4's inner iterations settle.
precise <- function(...) {
  given <- list(...)
  for (tolerance in 10^(-13:-8)) {
    m <- try(suppressWarnings(do.call(rma.glmm, c(given, list(nAGQ = 50, control = list(glmerCtrl = list(
      tolPwrss = tolerance, optimizer = "bobyqa", optCtrl = list(rhobeg = 1e-2, rhoend = 1e-10, maxfun = 1e5))))))), silent = TRUE)
    if (!inherits(m, "try-error")) break
  }
  m
}
for (set in names(sets)) {
  d <- sets[[set]]
  measure <- if ("events1" %in% names(d)) "IRR" else if ("time" %in% names(d)) "IRLN" else "PLO"
  for (model in if (measure == "IRR") c("UM.FS", "CM.EL") else "") {
    options <- if (model == "") list(measure = measure) else list(measure = measure, model = model)
    used <- if (measure == "IRR") d[d$events1 + d$events2 > 0, ] else d
    m <- switch(measure,
      PLO = precise(xi = d$events, ni = d$n, measure = "PLO"),
      IRLN = precise(xi = d$events, ti = d$time, measure = "IRLN"),
      IRR = precise(x1i = d$events1, t1i = d$time1, x2i = d$events2, t2i = d$time2, measure = "IRR", model = model))
    if (inherits(m, "try-error")) cat("metafor fails:", set, model, m)
    else if (m$se < 1e-3) cat("metafor's optimiser stopped early:", set, model, "\n")
    else note("glmm", set, options, list(estimate = m$beta, se = m$se, tau2 = m$tau2, ci_low = m$ci.lb, ci_high = m$ci.ub,
                                         lrt = m$QE.LRT), "metafor 3.8.1 with lme4")
    b <- brute(measure, model, used, if (inherits(m, "try-error")) 0 else as.numeric(m$beta))
    note("glmm", set, options, b, "numerical integration in R")
    cat(set, model, unlist(b), "\n")
  }
}

# Back to the own scale. The double arcsine of the pooled result uses the harmonic mean of the sizes (Miller 1978).
on <- function(set, measure, m, transf, targs = NULL) {
  p <- if (is.null(targs)) predict(m, transf = transf) else predict(m, transf = transf, targs = targs)
  note("on", set, list(measure = measure), list(estimate = p$pred, ci_low = p$ci.lb, ci_high = p$ci.ub,
                                                prediction_low = p$pi.lb, prediction_high = p$pi.ub), "metafor 3.8.1")
}
square <- function(x) ifelse(x < 0, 0, x^2)
for (set in names(sets)) {
  d <- sets[[set]]
  fit <- function(e) rma(e, method = "DL", test = "z")
  if ("n" %in% names(d)) {
    of <- function(measure) fit(escalc(measure, xi = events, ni = n, data = d))
    on(set, "PLN", of("PLN"), exp)
    on(set, "PLO", of("PLO"), transf.ilogit)
    on(set, "PAS", of("PAS"), transf.iarcsin)
    on(set, "PFT", of("PFT"), transf.ipft.hm, list(ni = d$n))
  } else if ("time" %in% names(d)) {
    of <- function(measure) fit(escalc(measure, xi = events, ti = time, data = d))
    on(set, "IRLN", of("IRLN"), exp)
    on(set, "IRS", of("IRS"), square)
    harmonic <- 1 / mean(1 / d$time)
    on(set, "IRFT", of("IRFT"), function(x) transf.iirft(x, harmonic))
  } else on(set, "IRR", fit(escalc("IRR", x1i = events1, t1i = time1, x2i = events2, t2i = time2, data = d)), exp)
}
sets$molloy2014 <- with(dat.molloy2014, data.frame(r = ri, n = ni))
on("molloy2014", "ZCOR", rma(escalc("ZCOR", ri = r, ni = n, data = sets$molloy2014), method = "DL", test = "z"), transf.ztor)

writeLines(toJSON(list(reference = "metafor 3.8.1", data = lapply(sets, function(d) lapply(as.list(d), I)), cases = cases),
                  digits = NA, auto_unbox = TRUE), "validation/rates.json")
cat(length(cases), "cases\n")
