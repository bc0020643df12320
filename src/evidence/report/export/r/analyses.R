# Fits the model. Iterations run until nothing changes, and likelihoods are climbed from several places, because
# that of a few studies may have more than one peak.
fit_model <- function(d, method, test, level) {
  yi <- d$yi; vi <- d$vi
  fit <- function(...) suppressWarnings(rma(yi, vi, slab = d$slab, level = 100 * level, ...))
  if (length(yi) == 1) return(fit(method = "EE", test = "z"))
  spread <- max(var(yi), min(vi) * 1e-6)
  tight <- list(threshold = 1e-13 * spread, tol = 1e-14 * spread, maxiter = 100000,
                tau2.max = 1e4 * max(spread, vi))
  if (method == "DL2") { # DerSimonian and Kacker: a second moment, weighted with the first estimate
    first <- fit(method = "DL", test = test)$tau2
    second <- fit(method = "GENQ", weights = 1 / (vi + first), test = test)$tau2
    return(fit(method = "DL", tau2 = second, test = test))
  }
  if (!method %in% c("ML", "REML")) return(fit(method = method, test = test, control = tight))
  climbed <- lapply(c(0, 0.1, 1, 10) * spread, function(start) {
    steps <- c(tight, list(tau2.init = start, stepadj = 0.5))
    tryCatch(fit(method = method, test = test, control = steps), error = function(e) NULL)
  })
  climbed <- Filter(Negate(is.null), climbed)
  if (!length(climbed)) stop("metafor found no maximum of the likelihood")
  climbed[[which.max(vapply(climbed, function(one) as.numeric(logLik(one)), 0))]]
}

# Standard error and degrees of freedom of a mean by Kenward and Roger (1997), which metafor does not have.
kenward_roger <- function(yi, vi, tau2) {
  w <- 1 / (vi + tau2); s <- sum(w)
  projection <- diag(w) - outer(w, w) / s
  information <- sum(diag(projection %*% projection)) / 2
  se <- sqrt(1 / s + 2 * (sum(w^3) - sum(w^2)^2 / s) / (s^2 * information))
  list(se = se, df = max(2 * information * (s / sum(w^2))^2, 0.1))
}

# Two-by-two tables without a model of single effects: Mantel and Haenszel, or Peto, as RevMan has them.
fit_counts <- function(d, measure, counts, method, test, level) {
  bi <- d$n1i - d$ai; di <- d$n2i - d$ci
  if (counts == "PETO") {
    fit <- rma.peto(ai = d$ai, bi = bi, ci = d$ci, di = di, slab = d$slab, level = 100 * level)
    return(list(fit = fit, estimate = c(fit$beta), se = fit$se, q = fit$QE))
  }
  if (measure == "RD") { # metafor has the variance of Sato, RevMan that of Greenland and Robins (1985)
    fit <- rma.mh(ai = d$ai, bi = bi, ci = d$ci, di = di, measure = "RD", slab = d$slab, level = 100 * level)
    w <- d$n1i * d$n2i / (d$n1i + d$n2i)
    each <- d$ai * bi / d$n1i^3 + d$ci * di / d$n2i^3
    estimate <- c(fit$beta); se <- sqrt(sum(w^2 * each)) / sum(w)
  } else {
    fit <- rma.mh(ai = d$ai, bi = bi, ci = d$ci, di = di, measure = measure, slab = d$slab, level = 100 * level,
                  add = c(0.5, 0.5), to = c("only0", "only0"), drop00 = FALSE, correct = FALSE)
    estimate <- c(fit$beta); se <- fit$se
  }
  q <- sum((d$yi - estimate)^2 / d$vi)
  if (method == "EE") return(list(fit = fit, estimate = estimate, se = se, q = q))
  if (method != "DL" || nrow(d) == 1) return(list(fit = fit_model(d, method, test, level)))
  w <- 1 / d$vi
  tau2 <- max(0, (q - nrow(d) + 1) / (sum(w) - sum(w^2) / sum(w)))
  list(fit = rma(d$yi, d$vi, slab = d$slab, tau2 = tau2, method = "DL", test = test, level = 100 * level), q = q)
}

# Pools one analysis as the protocol asks: method (estimator of the variance between studies), test (interval of the
# mean), prediction (V: t with k - 1 degrees of freedom, HTS: one less, z: normal), counts (IV: inverse variance, MH,
# PETO). It is not combined with fewer than `minimum` trials, nor if its interval goes beyond `widest`, which no
# difference on the scale can. Ratios are logarithms throughout.
analyse <- function(id, file, measure, method = "REML", test = "knha", level = 0.95, prediction = "V", counts = "IV",
                    minimum = 1, widest = Inf, independent = TRUE, total = TRUE) {
  d <- read_table(file)
  k <- nrow(d); trials <- length(unique(d$study))
  none <- list(analysis = id, status = "not combined", k = k, trials = trials, estimate = NA_real_, se = NA_real_,
               ci_low = NA_real_, ci_high = NA_real_, p_value = NA_real_, prediction_low = NA_real_,
               prediction_high = NA_real_, tau2 = NA_real_, i2 = NA_real_, q = NA_real_, q_p = NA_real_)
  by_counts <- counts != "IV"
  if (!total || trials < minimum || (!independent && anyDuplicated(d$trial)) || (by_counts && anyNA(d$ai))) {
    results[[id]] <<- none
    return(invisible(NULL))
  }
  common <- by_counts && method == "EE"
  test_used <- if (test == "KR" || common || k == 1) "z" else test
  made <- if (by_counts) fit_counts(d, measure, counts, method, test_used, level)
          else list(fit = fit_model(d, method, test_used, level))
  fit <- made$fit
  estimate <- if (common) made$estimate else c(fit$beta)
  se <- if (common) made$se else fit$se
  q <- if (is.null(made$q)) fit$QE else made$q
  tau2 <- if (common || k == 1) 0 else fit$tau2
  df <- if (test_used == "z") Inf else k - 1
  if (test == "KR" && k > 1) {
    adjusted <- kenward_roger(d$yi, d$vi, tau2)
    se <- adjusted$se; df <- adjusted$df
  }
  half <- qt(0.5 + level / 2, df) * se
  if (max(abs(estimate - half), abs(estimate + half)) > widest) {
    results[[id]] <<- none
    return(invisible(NULL))
  }
  fits[[id]] <<- fit
  free <- switch(prediction, V = k - 1, HTS = max(k - 2, 1), z = Inf)
  reach <- if (method == "EE" || k == 1) NA_real_ else qt(0.5 + level / 2, free) * sqrt(tau2 + se^2)
  i2 <- if (k == 1) 0 else if (method == "EE") max(0, 100 * (1 - (k - 1) / q)) else {
    w <- 1 / d$vi
    100 * tau2 / (tau2 + (k - 1) / (sum(w) - sum(w^2) / sum(w)))
  }
  results[[id]] <<- modifyList(none, list(
    status = "pooled", estimate = estimate, se = se, ci_low = estimate - half, ci_high = estimate + half,
    p_value = 2 * pt(-abs(estimate / se), df), prediction_low = estimate - reach, prediction_high = estimate + reach,
    tau2 = tau2, i2 = i2, q = if (k == 1) 0 else q, q_p = if (k == 1) 1 else pchisq(q, k - 1, lower.tail = FALSE)))
  invisible(fit)
}
