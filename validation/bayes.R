# Reference values for the Bayesian normal-normal model by numerical integration in R, independent of the package.
# Usage: Rscript validation/bayes.R     writes validation/bayes.json
# Given tau the effect is normal, so every posterior is a one-dimensional integral over tau, done here by `integrate` in
# pieces with a relative tolerance of 1e-12; quantiles by `uniroot`. Data sets come from metafor and metadat.

suppressPackageStartupMessages({library(metafor); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

sets <- list(
  bcg = escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg),
  normand1999 = escalc("SMD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i, data = dat.normand1999),
  hine1989 = escalc("OR", ai = ai, ci = ci, n1i = n1i, n2i = n2i, data = dat.hine1989),
  raudenbush1985 = dat.raudenbush1985,
  gibson2002 = subset(escalc("SMD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
                             data = dat.gibson2002), !is.na(yi)),
  pignon2000 = data.frame(yi = dat.pignon2000$OmE / dat.pignon2000$V, vi = 1 / dat.pignon2000$V)[1:3, ],
  two = data.frame(yi = c(-0.4, 0.1), vi = c(0.04, 0.09))
)
sets <- lapply(sets, function(d) data.frame(yi = as.numeric(d$yi), vi = as.numeric(d$vi)))

log_t5 <- function(location, scale) function(x) dt((log(x) - location) / scale, df = 5) / (scale * x)
tau_priors <- list(
  half_normal = list(args = list(scale = 0.5), d = function(x) 2 * dnorm(x, 0, 0.5), p = function(x) 2 * pnorm(x / 0.5) - 1),
  half_cauchy = list(args = list(scale = 0.5), d = function(x) 2 * dcauchy(x, 0, 0.5), p = function(x) 2 * atan(x / 0.5) / pi),
  half_t = list(args = list(scale = 0.8, df = 4), d = function(x) 2 * dt(x / 0.8, 4) / 0.8, p = function(x) 2 * pt(x / 0.8, 4) - 1),
  exponential = list(args = list(scale = 0.3), d = function(x) dexp(x, 1 / 0.3), p = function(x) pexp(x, 1 / 0.3)),
  uniform = list(args = list(upper = 4), d = function(x) dunif(x, 0, 4), p = function(x) punif(x, 0, 4)),
  log_normal = list(args = list(mean = -1.28, sd = 0.87), d = function(x) dlnorm(x, -1.28, 0.87), p = function(x) plnorm(x, -1.28, 0.87)),
  log_t = list(args = list(location = -1.72, scale = 1.295), d = log_t5(-1.72, 1.295), p = function(x) pt((log(x) + 1.72) / 1.295, 5))
)

posterior <- function(d, prior, mass_below, m, s) {
  y <- d$yi; v <- d$vi
  given <- function(tau) {
    w <- 1 / (v + tau^2); p <- if (is.finite(s)) 1 / s^2 else 0
    W <- sum(w) + p; mean <- (sum(w * y) + if (p > 0) p * m else 0) / W
    ll <- sum(dnorm(y, mean, sqrt(v + tau^2), log = TRUE)) + 0.5 * log(2 * pi / W) +
      (if (p > 0) dnorm(mean, m, s, log = TRUE) else 0)
    c(ll, mean, 1 / sqrt(W))
  }
  grid <- exp(seq(-25, 6, by = 0.05))
  height <- sapply(grid, function(t) given(t)[1] + log(prior(t)) + log(t))
  top <- max(height)
  cut <- seq(-25, 6, by = 0.5)
  over <- function(f, upper = 6) {
    g <- Vectorize(function(u) { t <- exp(u); x <- given(t); exp(x[1] - top) * prior(t) * t * f(t, x[2], x[3]) })
    knots <- c(cut[cut < upper], upper)
    sum(sapply(seq_along(knots[-1]), function(i)
      integrate(g, knots[i], knots[i + 1], rel.tol = 1e-12, abs.tol = 1e-15, subdivisions = 200)$value))
  }
  one <- function(t, m, s) 1
  below <- mass_below(exp(-25)) * exp(given(0)[1] - top)  # there the likelihood is constant
  z <- over(one) + below
  at_zero <- given(0)
  cdf <- function(x) (over(function(t, m, s) pnorm(x, m, s)) + below * pnorm(x, at_zero[2], at_zero[3])) / z
  predictive <- function(x) (over(function(t, m, s) pnorm(x, m, sqrt(s^2 + t^2))) + below * pnorm(x, at_zero[2], at_zero[3])) / z
  tau_cdf <- function(u) (over(one, upper = u) + below) / z
  solve_q <- function(F, p, range) uniroot(function(x) F(x) - p, range, tol = 1e-11)$root
  range <- mean(y) + c(-1, 1) * (diff(range(y)) + 8 * sqrt(max(v)))
  out <- list()
  for (p in c(0.025, 0.5, 0.975)) {
    out[[paste0("effect_", p)]] <- solve_q(cdf, p, range)
    out[[paste0("tau_", p)]] <- exp(solve_q(tau_cdf, p, c(-24.9, 5)))
    out[[paste0("prediction_", p)]] <- solve_q(predictive, p, 5 * (range - mean(y)) + mean(y))
  }
  out$probability <- cdf(0)
  out$log_bayes_factor_tau <- at_zero[1] - top - log(z)
  if (nrow(d) > 4) {
    out$effect_mean <- (over(function(t, m, s) m) + below * at_zero[2]) / z
    out$effect_sd <- sqrt((over(function(t, m, s) (m - out$effect_mean)^2 + s^2) + below * at_zero[3]^2) / z)
    out$tau_mean <- over(function(t, m, s) t) / z
  }
  if (is.finite(s)) {
    out$log_marginal_likelihood <- top + log(z)
    null <- function(tau) sum(dnorm(y, 0, sqrt(v + tau^2), log = TRUE))
    g <- Vectorize(function(u) exp(null(exp(u)) - top) * prior(exp(u)) * exp(u))
    n <- sum(sapply(seq_along(cut[-1]), function(i) integrate(g, cut[i], cut[i + 1], rel.tol = 1e-12, abs.tol = 1e-300,
                                                             subdivisions = 200)$value))
    n <- n + below * exp(null(0) - at_zero[1])
    out$log_bayes_factor_effect <- log(n) - log(z)
  }
  out
}

cases <- list()
for (set in names(sets)) for (name in names(tau_priors)) for (proper in c(TRUE, FALSE)) {
  if (set == "two" && name %in% c("log_t", "half_cauchy") && !proper) next
  if (name == "log_t" && !proper) next
  p <- tau_priors[[name]]
  s <- if (proper) 2 else Inf
  e <- try(posterior(sets[[set]], p$d, p$p, 0, s), silent = TRUE)
  if (inherits(e, "try-error")) { cat(set, name, proper, "failed:", e); next }
  cases[[length(cases) + 1]] <- list(`function` = "bayes", data = set, reference = "numerical integration in R",
    options = list(tau_prior = name, tau_arguments = p$args, effect_mean = 0, effect_sd = if (proper) 2 else NULL), expected = e)
  cat(set, name, proper, "\n")
}
writeLines(toJSON(list(reference = R.version.string, data = lapply(sets, function(d) lapply(as.list(d), I)), cases = cases),
                  digits = NA, auto_unbox = TRUE, null = "null"), file.path(folder, "bayes.json"))
cat(length(cases), "cases,", sum(sapply(cases, function(x) length(x$expected))), "values\n")
