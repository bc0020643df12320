# Reference values for networks of counts: rma.mh and rma.glmm (conditional, exact) of metafor for two treatments; for
# more, the multivariate non-central hypergeometric distribution of BiasedUrn, maximised by optim, and Mantel-Haenszel
# estimates of each design by rma.mh, brought together by least squares.
# Usage: Rscript validation/network_counts.R     writes validation/network_counts.json

suppressPackageStartupMessages({library(metafor); library(BiasedUrn); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"
cases <- list()
add <- function(...) cases[[length(cases) + 1]] <<- list(...)

two <- list(
  bcg = with(dat.bcg[c(1, 2, 6, 12), ], data.frame(ai = tpos, n1i = tpos + tneg, ci = cpos, n2i = cpos + cneg)),
  collins1985a = na.omit(with(dat.collins1985a, data.frame(ai = b.xti, n1i = nti, ci = b.xci, n2i = nci))),
  nielweise2007 = with(dat.nielweise2007, data.frame(ai = ai, n1i = n1i, ci = ci, n2i = n2i)),
  yusuf1985 = na.omit(with(dat.yusuf1985[dat.yusuf1985$table == 6, ], data.frame(ai = ai, n1i = n1i, ci = ci, n2i = n2i)))
)
for (set in names(two)) {
  d <- two[[set]]
  mh <- rma.mh(ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = d, measure = "OR")
  nch <- suppressWarnings(rma.glmm(ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = d, measure = "OR", model = "CM.EL", method = "EE"))
  arms <- data.frame(study = rep(seq_len(nrow(d)), 2), treatment = rep(c("b", "a"), each = nrow(d)),
                     events = c(d$ai, d$ci), n = c(d$n1i, d$n2i))
  add(data = set, method = "MH", arms = arms, values = list(effect = mh$beta[1], se = mh$se), contrast = c("b", "a"))
  # rma.glmm searches numerically; its standard error is right to about 0.2%
  add(data = set, method = "NCH", arms = arms, values = list(effect = nch$beta[1], se = nch$se), contrast = c("b", "a"))
}

# Networks with trials of three and four arms: counts drawn once, few events.
set.seed(5)
draw <- function(designs, each, rate, effect) {
  rows <- list(); study <- 0
  for (design in designs) for (i in seq_len(each)) {
    study <- study + 1
    n <- sample(20:80, length(design), replace = TRUE)
    p <- plogis(qlogis(rate * exp(rnorm(1, 0, 0.4))) + effect[design])
    rows[[study]] <- data.frame(study = study, treatment = design, events = rbinom(length(design), n, p), n = n)
  }
  do.call(rbind, rows)
}
networks <- list(
  three = draw(list(c("a", "b"), c("b", "c"), c("a", "b", "c")), 3, 0.08, c(a = 0, b = 0.4, c = 0.8)),
  four = draw(list(c("a", "b"), c("a", "c", "d"), c("a", "b", "c", "d"), c("b", "d")), 3, 0.1, c(a = 0, b = 0.3, c = -0.3, d = 0.6)),
  rare = draw(list(c("a", "b"), c("a", "c"), c("a", "b", "c")), 5, 0.02, c(a = 0, b = 0.5, c = 0.9))
)
for (set in names(two)) {
  d <- two[[set]]
  networks[[set]] <- data.frame(study = rep(seq_len(nrow(d)), 2), treatment = rep(c("b", "a"), each = nrow(d)),
                                events = c(d$ai, d$ci), n = c(d$n1i, d$n2i))
}
for (set in names(networks)) {
  d <- networks[[set]]
  treatments <- sort(unique(d$treatment))
  trials <- split(d, d$study)
  height <- function(theta) {
    names(theta) <- treatments[-1]; full <- c(setNames(0, treatments[1]), theta)
    -sum(sapply(trials, function(t) {
      if (sum(t$events) %in% c(0, sum(t$n))) return(0)
      log(dMFNCHypergeo(t$events, t$n, sum(t$events), exp(full[t$treatment]), precision = 1e-12))
    }))
  }
  found <- optim(rep(0, length(treatments) - 1), height, method = "BFGS", control = list(reltol = 1e-14, maxit = 1000))
  for (step in 1:5) found$par <- found$par - solve(numDeriv::hessian(height, found$par), numDeriv::grad(height, found$par))
  H <- numDeriv::hessian(height, found$par)
  add(data = set, method = "NCH", arms = d,
      values = list(position = c(0, found$par), se = sqrt(diag(solve(H))), log_likelihood = -height(found$par)))
}
writeLines(toJSON(list(source = paste("metafor", packageVersion("metafor"), "and BiasedUrn", packageVersion("BiasedUrn")),
                       cases = cases), digits = NA, auto_unbox = TRUE), file.path(folder, "network_counts.json"))
cat(length(cases), "cases\n")
