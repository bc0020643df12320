# Reference values for likelihood-ratio tests and linear contrasts: metafor and mvtnorm on public data sets.
# Usage: Rscript validation/comparisons.R     writes validation/comparisons.json

suppressPackageStartupMessages({library(metafor); library(mvtnorm); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
bcg <- data.frame(trial = bcg$trial, alloc = bcg$alloc, ablat = bcg$ablat, yi = c(bcg$yi), vi = c(bcg$vi))
konst <- dat.konstantopoulos2011[c("district", "school", "study", "year", "yi", "vi")]
konst <- data.frame(lapply(konst, as.numeric))
assink <- data.frame(dat.assink2016[c("study", "esid", "deltype", "year", "yi", "vi")])
assink$yi <- c(assink$yi)
berkey <- dat.berkey1998[c("trial", "outcome", "year", "yi", "vi")]
sets <- list(bcg = bcg, konstantopoulos2011 = konst, assink2016 = assink, berkey1998 = berkey)

# rma.mv at a tight tolerance, at a looser one where the optimiser does not come to rest at that
closely <- function(...) {
  for (tolerance in c(1e-14, 1e-12, 1e-10)) {
    control <- list(rel.tol = tolerance, eval.max = 5000, iter.max = 5000)
    fit <- try(rma.mv(..., control = control), silent = TRUE)
    if (!inherits(fit, "try-error")) return(fit)
  }
  stop("no tolerance is reached")
}
one <- function(data, formula, method) {
  rma(yi, vi, mods = formula, data = sets[[data]], method = method,
      control = list(threshold = 1e-14, maxiter = 100000))
}
many <- function(data, formula, method, random, struct = "CS") {
  d <- sets[[data]]
  closely(d$yi, d$vi, mods = formula, random = random, struct = struct, data = d, method = method)
}
text <- function(formula) paste("yi", paste(deparse(formula), collapse = ""))

tests <- list()
compare <- function(data, larger, smaller, larger_fit, smaller_fit, refit = FALSE) {
  found <- anova(larger_fit, smaller_fit)
  stats <- function(x) {
    values <- if (is.null(names(x))) x[c(1, 3, 4, 5)] else x[c("ll", "AIC", "BIC", "AICc")]
    as.numeric(values)
  }
  tests[[length(tests) + 1]] <<- list(
    data = data, larger = larger, smaller = smaller, refit = refit,
    values = list(statistic = as.numeric(found$LRT), p_value = as.numeric(found$pval),
                  df = as.numeric(found$parms.f - found$parms.r),
                  larger = c(as.numeric(found$parms.f), stats(found$fit.stats.f), as.numeric(found$QE.f)),
                  smaller = c(as.numeric(found$parms.r), stats(found$fit.stats.r), as.numeric(found$QE.r))))
}
model <- function(formula, method, levels = NULL, outcome = NULL, structure = NULL) {
  out <- list(formula = text(formula), method = method)
  if (!is.null(levels)) out$levels <- I(levels)
  if (!is.null(outcome)) { out$outcome <- outcome; out$structure <- structure }
  out
}
for (method in c("ML", "REML")) {
  compare("bcg", model(~ 1, method), model(~ 1, "EE"), one("bcg", ~ 1, method), one("bcg", ~ 1, "EE"))
  compare("konstantopoulos2011", model(~ 1, method, c("district", "school")), model(~ 1, method, "district"),
          many("konstantopoulos2011", ~ 1, method, ~ 1 | district / school),
          many("konstantopoulos2011", ~ 1, method, ~ 1 | district))
  compare("assink2016", model(~ deltype, method, c("study", "esid")), model(~ deltype, method, "study"),
          many("assink2016", ~ deltype, method, ~ 1 | study / esid),
          many("assink2016", ~ deltype, method, ~ 1 | study))
  compare("berkey1998", model(~ outcome, method, "trial", "outcome", "UN"),
          model(~ outcome, method, "trial", "outcome", "CS"),
          many("berkey1998", ~ outcome, method, ~ outcome | trial, "UN"),
          many("berkey1998", ~ outcome, method, ~ outcome | trial, "CS"))
}
compare("bcg", model(~ alloc + ablat, "ML"), model(~ ablat, "ML"), one("bcg", ~ alloc + ablat, "ML"),
        one("bcg", ~ ablat, "ML"))
compare("bcg", model(~ alloc + ablat, "EE"), model(~ ablat, "EE"), one("bcg", ~ alloc + ablat, "EE"),
        one("bcg", ~ ablat, "EE"))
# asked for by REML, which is fitted anew by ML
compare("bcg", model(~ alloc + ablat, "REML"), model(~ 1, "REML"), one("bcg", ~ alloc + ablat, "ML"),
        one("bcg", ~ 1, "ML"), refit = TRUE)
compare("assink2016", model(~ deltype, "REML", c("study", "esid")), model(~ 1, "REML", c("study", "esid")),
        many("assink2016", ~ deltype, "ML", ~ 1 | study / esid), many("assink2016", ~ 1, "ML", ~ 1 | study / esid),
        refit = TRUE)

# Distribution of the largest of m correlated statistics, with an error of up to about 2e-5.
precise <- GenzBretz(maxpts = 1e5, abseps = 2e-6)
beyond <- function(bound, correlation, df) {
  m <- nrow(correlation)
  1 - as.numeric(pmvt(rep(-bound, m), rep(bound, m), df = if (is.finite(df)) as.integer(df) else 0,
                      corr = correlation, algorithm = precise))
}
contrasts <- list()
contrast <- function(data, formula, fit, test, rows, names, levels = NULL) {
  set.seed(1)
  found <- anova(fit, X = rows)
  df <- if (test == "z") Inf else fit$k - fit$p
  statistic <- as.numeric(found$zval)
  covariance <- rows %*% vcov(fit) %*% t(rows)
  correlation <- cov2cor(covariance)
  single <- sapply(abs(statistic), beyond, correlation, df)
  low <- if (is.finite(df)) qt(0.975, df) else qnorm(0.975)
  high <- if (is.finite(df)) qt(1 - 0.025 / nrow(rows), df) else qnorm(1 - 0.025 / nrow(rows))
  critical <- uniroot(function(q) beyond(q, correlation, df) - 0.05, c(low - 0.01, high + 0.01), tol = 1e-5)$root
  p <- as.numeric(found$pval)
  contrasts[[length(contrasts) + 1]] <<- c(
    list(data = data, formula = text(formula), test = test, names = names, weights = rows),
    if (!is.null(levels)) list(levels = I(levels)),
    list(values = list(estimate = as.numeric(found$Xb), se = as.numeric(found$se), statistic = statistic, p_value = p,
                       holm = p.adjust(p, "holm"), bonferroni = p.adjust(p, "bonferroni"), single_step = single,
                       critical = critical),
         together = if (qr(rows)$rank == nrow(rows)) c(as.numeric(found$QM), as.numeric(found$QMp)) else NULL))
}
pairs3 <- function(p, first) {  # pairwise differences of a factor of three levels, its two columns at first, first + 1
  rows <- matrix(0, 3, p)
  rows[1, first] <- 1; rows[2, first + 1] <- 1; rows[3, first + 1] <- 1; rows[3, first] <- -1
  rows
}
for (test in c("z", "knha")) {
  label <- c(z = "z", knha = "HKSJ")[test]
  fit <- rma(yi, vi, mods = ~ alloc + ablat, data = bcg, test = test, control = list(threshold = 1e-14))
  contrast("bcg", ~ alloc + ablat, fit, unname(label), pairs3(4, 2),
           c("random - alternate", "systematic - alternate", "systematic - random"))
  contrast("bcg", ~ alloc + ablat, fit, unname(label), diag(4)[2:4, ],
           c("alloc[T.random]", "alloc[T.systematic]", "ablat"))
}
for (test in c("z", "t")) {
  fit <- closely(assink$yi, assink$vi, mods = ~ deltype + year, random = ~ 1 | study / esid, data = assink, test = test)
  rows <- diag(4)
  contrast("assink2016", ~ deltype + year, fit, test, rows, paste0("c", 1:4), c("study", "esid"))
}

out <- list(source = paste("metafor", packageVersion("metafor"), "and mvtnorm", packageVersion("mvtnorm")),
            data = sets, tests = tests, contrasts = contrasts)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, na = "null", dataframe = "columns"),
           file.path(folder, "comparisons.json"))
cat(length(tests), "tests,", length(contrasts), "sets of contrasts\n")
