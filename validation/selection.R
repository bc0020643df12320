# Reference values for selection models with smooth weight functions and with moderators: metafor on public data sets.
# Usage: Rscript validation/selection.R     writes validation/selection.json
# selmodel() stops near the maximum; Newton steps on its own log-likelihood, integrated more exactly, go the rest of the way.

suppressPackageStartupMessages({library(metafor); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
full <- list(
  bcg = data.frame(yi = bcg$yi, vi = bcg$vi, ablat = bcg$ablat),
  raudenbush1985 = with(dat.raudenbush1985, data.frame(yi, vi, weeks))
)
full <- lapply(full, function(d) as.data.frame(lapply(d, as.numeric)))

# selmodel() integrates over a line on which weight functions have corners; it is given Gauss-Legendre rules between them,
# over mean -/+ 12 standard deviations, which is exact to rounding and lets derivatives be taken. Two-sided, some powers of
# 1 - P have no derivative at zero, so that the pieces shrink towards it.
rule <- local({
  n <- 30; b <- seq_len(n - 1) / sqrt(4 * seq_len(n - 1)^2 - 1)
  e <- eigen(rbind(cbind(0, diag(b)), 0) + t(rbind(cbind(0, diag(b)), 0)), symmetric = TRUE)
  list(x = e$values, w = 2 * e$vectors[1, ]^2)
})
exact <- local({
  own <- new.env(parent = asNamespace("metafor"))
  own$integrate <- function(f, lower, upper, yi, vi, preci, yhat, wi.fun, delta, tau2, alternative, pval.min, steps, ...) {
    sd <- sqrt(vi + tau2)
    p <- c(1e-5, 1 - 1e-5, steps[steps > 0 & steps < 1])
    near <- if (alternative == "two.sided") 10^seq(-4.5, 0, by = 0.5) else numeric()
    corners <- c(0, near, -near, qnorm(p), -qnorm(p), qnorm(p / 2), -qnorm(p / 2)) * sqrt(vi)
    cut <- sort(unique(c(yhat + sd * seq(-12, 12, by = 3), corners[abs(corners - yhat) < 12 * sd])))
    half <- diff(cut) / 2; mid <- head(cut, -1) + half
    y <- as.vector(outer(rule$x, half) + rep(mid, each = length(rule$x)))
    w <- as.vector(outer(rule$w, half))
    list(value = sum(w * f(y, yi = yi, vi = vi, preci = preci, yhat = yhat, wi.fun = wi.fun, delta = delta, tau2 = tau2,
                           alternative = alternative, pval.min = pval.min, steps = steps)))
  }
  given <- getFromNamespace(".selmodel.ll.cont", "metafor")
  environment(given) <- own
  given
})
height <- function(r, beta, tau2, delta) {
  fun <- if (r$type == "stepfun") getFromNamespace(".selmodel.ll.stepfun", "metafor") else exact
  -fun(c(beta, tau2, delta), yi = c(r$yi), vi = r$vi, X = r$X, preci = rep(1, r$k), k = r$k, pX = r$p, pvals = r$pvals,
       deltas = length(delta), delta.val = rep(NA, length(delta)), delta.transf = FALSE,
       mapfun = rep(NA, length(delta)), delta.min = 0, delta.max = 100, tau2.val = NA, tau2.transf = FALSE, tau2.max = Inf,
       beta.val = rep(NA, r$p), wi.fun = r$wi.fun, steps = r$steps, pgrp = r$pgrp, alternative = r$alternative,
       pval.min = r$pval.min, intCtrl = list(lower = -Inf, upper = Inf, subdivisions = 1000L, rel.tol = 1e-10),
       verbose = FALSE, digits = r$digits)
}
polish <- function(r, method) {
  least <- switch(r$type, stepfun = 1e-8, beta = 1e-5, 0)
  delta <- ifelse(r$delta < max(5 * least, 1e-3), least, ifelse(r$delta > 99.9, 100, r$delta))
  free <- which(delta > least & delta < 100 & (r$type != "stepfun" | seq_along(delta) > 1))
  tau2_free <- method != "EE" && r$tau2 > 1e-6
  p <- r$p
  split <- function(par) list(beta = par[1:p], tau2 = if (tau2_free) par[p + 1] else 0,
                              delta = replace(delta, free, par[(p + tau2_free) + seq_along(free)]))
  target <- function(par) { at <- split(par); height(r, at$beta, at$tau2, at$delta) }
  at <- c(r$beta, if (tau2_free) r$tau2, delta[free])
  best <- target(at)
  for (step in 1:12) {
    H <- numDeriv::hessian(target, at); g <- numDeriv::grad(target, at)
    if (!all(is.finite(H)) || any(eigen(-H, symmetric = TRUE)$values <= 0)) return(NULL)
    move <- solve(-H, g)
    # A parameter of the weights that goes below its bound from close by stays on it.
    own <- (p + tau2_free) + seq_along(free)
    over <- (at + move)[own] < least & at[own] < least + 0.05
    if (any(over)) {
      delta[free[over]] <- least
      at <- at[setdiff(seq_along(at), own[over])]; free <- free[!over]
      best <- target(at)
      next
    }
    lowest <- c(rep(-Inf, p), if (tau2_free) 0, rep(least, length(free)))
    while (any(at + move < lowest) || !isTRUE(target(at + move) >= best - 1e-9)) {
      move <- move / 2
      if (max(abs(move)) < 1e-10) return(NULL)
    }
    at <- at + move; best <- target(at)
    if (max(abs(move) / pmax(abs(at), 1e-3)) < 1e-5) break
  }
  c(list(ll = best, se = sqrt(diag(solve(-H)))[1:p], free = length(free), tau2_free = tau2_free), split(at))
}

cases <- list()
add <- function(set, values, type, method, alternative, steps, moderator) {
  cases[[length(cases) + 1]] <<- list(data = set, method = method, type = if (type == "stepfun") "step" else type,
    alternative = sub(".", "-", alternative, fixed = TRUE), steps = as.list(steps), moderator = moderator,
    values = lapply(values, as.numeric))
}
smooth <- c("halfnorm", "negexp", "logistic", "power")
for (set in names(full)) for (method in c("ML", "EE")) for (moderator in list("", names(full[[set]])[3]))
  for (type in c(smooth, "stepfun", "beta")) for (alternative in c("favoured", "two.sided"))
    for (steps in list(NULL, 0.025)) {
      if (method == "EE" && (set != "bcg" || moderator != "" || !is.null(steps))) next
      if (type %in% smooth && !is.null(steps) && (alternative == "two.sided" || type == "halfnorm")) next
      if (!(type %in% smooth) && (moderator == "" || is.null(steps) != (type == "beta"))) next
      if (alternative == "favoured") alternative <- if (set == "bcg") "less" else "greater"
      d <- na.omit(full[[set]])
      mods <- as.formula(if (moderator == "") "~ 1" else paste("~", moderator))
      x <- suppressWarnings(rma(yi, vi, mods = mods, data = d, method = method,
                                control = list(threshold = 1e-14, maxiter = 1e5)))
      args <- list(x, type = type, alternative = alternative, skiphes = TRUE, skiphet = TRUE)
      if (!is.null(steps)) args$steps <- steps
      r <- try(suppressWarnings(do.call(selmodel, args)), silent = TRUE)
      if (inherits(r, "try-error")) next
      at <- suppressWarnings(try(polish(r, method), silent = TRUE))
      values <- list(log_likelihood = r$ll, unadjusted_log_likelihood = r$ll0)
      if (is.list(at)) {
        lrt <- max(0, 2 * (at$ll - r$ll0))
        values <- list(log_likelihood = at$ll, unadjusted_log_likelihood = r$ll0, estimate = at$beta, tau2 = at$tau2,
                       delta = at$delta, lrt = lrt, lrt_p = pchisq(lrt, r$LRTdf, lower.tail = FALSE), lrt_df = r$LRTdf)
        if (at$tau2_free || method == "EE") values$se <- at$se
      }
      add(set, values, type, method, alternative, steps, moderator)
    }

out <- list(source = paste("metafor", packageVersion("metafor")),
            data = lapply(full, function(d) as.list(na.omit(d))), cases = cases)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, na = "null"), file.path(folder, "selection.json"))
cat(length(cases), "cases,", sum(sapply(cases, function(x) !is.null(x$values$estimate))), "polished\n")
