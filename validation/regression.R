# Reference values for meta-regression and permutation tests: metafor on public data sets of metafor and metadat.
# Usage: Rscript validation/regression.R     writes validation/regression.json

suppressPackageStartupMessages({library(metafor); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

keep <- function(data, columns) {
  data <- as.data.frame(data)[c("yi", "vi", columns)]
  data$yi <- as.numeric(data$yi)
  data[!is.na(data$yi) & !is.na(data$vi) & data$vi > 0, ]
}
bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
linde <- escalc("OR", ai = ai, ci = ci, n1i = n1i, n2i = n2i, data = dat.linde2005)
curtis <- escalc("ROM", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i, data = dat.curtis1998)
gibson <- escalc("SMD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i, data = dat.gibson2002)
molloy <- escalc("ZCOR", ri = ri, ni = ni, data = dat.molloy2014)
sets <- list(
  bcg = keep(bcg, c("ablat", "year", "alloc")),
  linde2005 = keep(linde, c("year", "baseline", "major", "duration")),
  curtis1998 = keep(curtis, c("time", "fungrp", "method")),
  gibson2002 = keep(gibson, c("year", "type")),
  molloy2014 = keep(molloy, c("year", "design", "controls", "a_measure", "meanage", "quality")),
  raudenbush1985 = keep(dat.raudenbush1985, c("weeks", "setting", "tester")),
  bangertdrowns2004 = keep(dat.bangertdrowns2004, c("year", "grade", "length", "minutes", "feedback", "pers", "imag", "meta", "ni")),
  hackshaw1998 = keep(dat.hackshaw1998, c("year", "country", "design"))
)

formulas <- list(
  bcg = c("yi ~ 1", "yi ~ ablat", "yi ~ ablat + year", "yi ~ alloc", "yi ~ ablat * alloc", "yi ~ alloc - 1"),
  linde2005 = c("yi ~ year", "yi ~ baseline", "yi ~ major + duration"),
  curtis1998 = c("yi ~ time", "yi ~ fungrp", "yi ~ method"),
  gibson2002 = c("yi ~ type", "yi ~ year"),
  molloy2014 = c("yi ~ design", "yi ~ meanage + quality", "yi ~ design * meanage"),
  raudenbush1985 = c("yi ~ weeks", "yi ~ setting + tester", "yi ~ weeks * setting"),
  bangertdrowns2004 = c("yi ~ length", "yi ~ minutes + meta", "yi ~ feedback + pers + imag + meta"),
  hackshaw1998 = c("yi ~ year", "yi ~ design")
)
methods <- c("EE", "DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "PMM")
tests <- c(z = "z", t = "t", HKSJ = "knha", "HKSJ-adhoc" = "adhoc")

cases <- list()
for (name in names(sets)) for (formula in formulas[[name]]) for (method in methods) {
  d <- sets[[name]]; s2 <- var(d$yi)
  control <- list(threshold = 1e-13 * s2, tol = 1e-14 * s2, maxiter = 100000, tau2.max = 1e4 * max(s2, d$vi))
  mods <- as.formula(sub("^yi", "", formula))
  for (ci in names(tests)) {
    res <- suppressWarnings(rma(yi, vi, mods = mods, data = d, method = method, test = tests[[ci]], control = control))
    values <- list(estimate = c(res$beta), se = res$se, ci_low = res$ci.lb, ci_high = res$ci.ub, statistic = res$zval,
                   p_value = res$pval, qm = res$QM, qm_p = res$QMp)
    head_rows <- res$X[seq_len(min(3, nrow(res$X))), , drop = FALSE]
    new <- suppressWarnings(if (res$int.incl && res$p > 1) predict(res, newmods = head_rows[, -1, drop = FALSE])
                            else if (res$p > 1) predict(res, newmods = head_rows) else predict(res))
    values$predict_estimate <- new$pred; values$predict_se <- new$se
    values$predict_ci_low <- new$ci.lb; values$predict_ci_high <- new$ci.ub
    if (method != "EE") { values$predict_prediction_low <- new$pi.lb; values$predict_prediction_high <- new$pi.ub }
    if (ci == "z") {
      values <- c(values, list(tau2 = res$tau2, i2 = res$I2, h2 = res$H2, qe = res$QE, qe_p = res$QEp, k = res$k,
                               log_likelihood = as.numeric(logLik(res)), aic = AIC(res), bic = BIC(res),
                               aicc = fitstats(res)["AICc:", 1], hat = unname(hatvalues(res)),
                               fitted = unname(fitted(res))))
      if (!is.null(res$R2)) values$r2 <- res$R2
      if (res$p > 1) values$vif <- unname(vif(res)$vifs)
      if (method != "EE") {
        qp <- confint(res, type = "QP", control = control)$random
        values$tau2_se <- res$se.tau2
        values$tau2_low <- qp["tau^2", "ci.lb"]; values$tau2_high <- qp["tau^2", "ci.ub"]
      }
    }
    if (ci == "HKSJ") {
      if (res$p > 2) { a <- anova(res, btt = 2:3); values$test_statistic <- a$QM; values$test_p <- a$QMp }
    }
    cases[[length(cases) + 1]] <- list(data = name, formula = formula, method = method, ci = ci, values = values)
  }
}

# Permutation tests, exact
permutations <- list()
perm <- function(name, formula, rows, method, ci) {
  d <- sets[[name]][rows, ]
  res <- suppressWarnings(rma(yi, vi, mods = as.formula(sub("^yi", "", formula)), data = d, method = method,
                              test = tests[[ci]], control = list(threshold = 1e-12, maxiter = 100000)))
  found <- permutest(res, exact = TRUE, progbar = FALSE)
  permutations[[length(permutations) + 1]] <<- list(
    data = name, formula = formula, rows = rows - 1, method = method, ci = ci, count = NROW(found$zval.perm),
    values = list(p_value = c(found$pval), qm_p = found$QMp))
}
for (ci in c("z", "HKSJ")) {
  perm("bcg", "yi ~ 1", 1:9, "DL", ci)
  perm("bcg", "yi ~ 1", 1:8, "REML", ci)
  perm("bcg", "yi ~ ablat", 1:6, "DL", ci)
  perm("bcg", "yi ~ ablat", 2:7, "REML", ci)
  perm("bcg", "yi ~ ablat + year", 1:6, "REML", ci)
  perm("raudenbush1985", "yi ~ tester", 1:9, "DL", ci)
  perm("raudenbush1985", "yi ~ setting", 5:14, "REML", ci)
  perm("gibson2002", "yi ~ type", 7:13, "PM", ci)
}

plain <- function(d) lapply(as.list(d), function(column) if (is.factor(column)) as.character(column) else c(column))
write_json(list(reference = paste("metafor", packageVersion("metafor")), data = lapply(sets, plain), cases = cases,
                permutations = permutations),
           file.path(folder, "regression.json"), digits = NA, auto_unbox = TRUE, na = "null", null = "null")
cat(length(cases), "fits and", length(permutations), "permutation tests\n")
