# Reference values for diagnostics of pooled fits: metafor on public data sets of metadat.
# Usage: Rscript validation/diagnostics.R     writes validation/diagnostics.json

suppressPackageStartupMessages({library(metafor); library(jsonlite)})
pdf(NULL)

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

sets <- list(
  bcg = escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg),
  normand1999 = escalc("SMD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
                       data = dat.normand1999),
  molloy2014 = escalc("ZCOR", ri = ri, ni = ni, data = dat.molloy2014),
  raudenbush1985 = dat.raudenbush1985,
  hine1989 = escalc("RD", ai = ai, ci = ci, n1i = n1i, n2i = n2i, data = dat.hine1989),
  gibson2002 = escalc("SMD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
                      data = dat.gibson2002),
  hackshaw1998 = dat.hackshaw1998
)
sets <- lapply(sets, function(d) {
  d <- data.frame(yi = as.numeric(d$yi), vi = as.numeric(d$vi))
  d[complete.cases(d) & d$vi > 0, ]
})

fits <- list(c("EE", "z"), c("DL", "z"), c("REML", "knha"), c("ML", "t"), c("PM", "adhoc"), c("SJ", "z"),
             c("HE", "knha"), c("HS", "z"), c("GENQ", "z"))
names_ci <- c(z = "z", t = "t", knha = "HKSJ", adhoc = "HKSJ-adhoc")

fit <- function(d, method, test) {
  control <- list(threshold = 1e-14, tol = 1e-14, maxiter = 100000)
  suppressWarnings(if (method == "GENQ") {
    rma(yi, vi, data = d, method = "GENQ", weights = 1 / sqrt(d$vi), test = test)
  } else rma(yi, vi, data = d, method = method, test = test, control = control))
}
pooled <- function(x) {
  out <- list(estimate = x$estimate, se = x$se, statistic = if (is.null(x$zval)) x$tval else x$zval,
              p_value = if (is.null(x$pval)) x$pvals else x$pval, ci_low = x$ci.lb, ci_high = x$ci.ub,
              q = x$Q, q_p = x$Qp, i2 = x$I2, h2 = x$H2)
  if (!is.null(x$tau2)) out$tau2 <- x$tau2
  out
}

cases <- list()
add <- function(fun, set, method, test, values, options = list()) {
  cases[[length(cases) + 1]] <<- list(`function` = fun, data = set, method = method, ci = unname(names_ci[test]),
                                      options = options, values = lapply(values, as.numeric))
}
for (set in names(sets)) for (one in fits) {
  d <- sets[[set]]; method <- one[1]; test <- one[2]
  if (nrow(d) > 20 && !(method %in% c("EE", "REML"))) next
  x <- fit(d, method, test)
  add("leave_one_out", set, method, test, pooled(leave1out(x)))
  inf <- influence(x)
  add("influence", set, method, test, list(
    studentised = inf$inf$rstudent, dffits = inf$inf$dffits, cook = inf$inf$cook.d,
    covariance_ratio = inf$inf$cov.r, tau2_deleted = inf$inf$tau2.del, q_deleted = inf$inf$QE.del,
    hat = inf$inf$hat, weights = inf$inf$weight, dfbetas = inf$dfbs$intrcpt,
    influential = inf$is.infl, standardised = rstandard(x)$z))
  b <- baujat(x)
  add("baujat", set, method, test, list(heterogeneity = b$x, influence = b$y))
  r <- radial(x)
  add("radial", set, method, test, list(x = r$x, z = r$y))
  r <- radial(x, center = TRUE)
  add("radial", set, method, test, list(x = r$x, z = r$y), list(centre = TRUE))
  if (method != "GENQ") {
    b <- blup(x)
    add("blup", set, method, test, list(prediction = b$pred, se = b$se, low = b$pi.lb, high = b$pi.ub))
  }
  cumulated <- pooled(cumul(x, order = d$vi))
  # Interval and test of a single study are the study's own here, not by t with 0 df.
  add("cumulative", set, method, test, lapply(cumulated, function(v) v[-1]), list(order = "variance"))
  if (method %in% c("ML", "REML", "DL")) {
    grid <- seq(0, 3 * x$tau2 + 0.01, length.out = 12)
    p <- suppressWarnings(profile(x, xlim = range(grid), steps = 12, progbar = FALSE, plot = FALSE))
    add("profile_tau2", set, method, test, list(
      log_likelihood = p$ll, estimate = p$beta[[1]], ci_low = p$ci.lb[[1]], ci_high = p$ci.ub[[1]]),
      list(grid = p$tau2))
  }
}
for (set in c("normand1999", "molloy2014")) for (method in c("EE", "DL", "REML", "PM")) {
  d <- sets[[set]][1:8, ]
  g <- gosh(fit(d, method, "z"), progbar = FALSE)
  number <- as.vector(g$incl %*% 2^(0:7))
  res <- g$res[order(number), ]
  values <- list(k = res$k, q = res$QE, i2 = res$I2, tau2 = res$tau2, estimate = res$estimate)
  # For DL the short cut in gosh() gives Q / df below 1, where rma() itself, and this package, give H2 = 1.
  if (method != "DL") values$h2 <- res$H2
  add("gosh", set, method, "z", values, list(studies = 8))
}

out <- list(source = paste("metafor", packageVersion("metafor")),
            data = lapply(sets, function(d) list(effect = d$yi, variance = d$vi)), cases = cases)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, na = "null"), file.path(folder, "diagnostics.json"))
cat(length(cases), "cases\n")
