# Reference values for pooling, tau2, intervals and subgroups: metafor on public data sets of metafor and metadat.
# Usage: Rscript validation/pool.R     writes validation/pool.json
# Effects listed in validation/own_effects.csv (columns analysis, effect, variance), if that file exists, are added.

suppressPackageStartupMessages({library(metafor); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

public <- list(
  bcg_rr = escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg),
  bcg_rd = escalc("RD", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg),
  hackshaw1998 = dat.hackshaw1998,
  normand1999_md = escalc("MD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
                          data = dat.normand1999),
  normand1999_smd = escalc("SMD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
                           data = dat.normand1999),
  linde2005 = escalc("RR", ai = ai, ci = ci, n1i = n1i, n2i = n2i, data = dat.linde2005),
  curtis1998 = escalc("ROM", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
                      data = dat.curtis1998),
  raudenbush1985 = dat.raudenbush1985,
  pignon2000 = data.frame(yi = dat.pignon2000$OmE / dat.pignon2000$V, vi = 1 / dat.pignon2000$V),
  li2007 = escalc("OR", ai = ai, ci = ci, n1i = n1i, n2i = n2i, data = dat.li2007),
  molloy2014 = escalc("ZCOR", ri = ri, ni = ni, data = dat.molloy2014),
  bangertdrowns2004 = dat.bangertdrowns2004,
  hine1989 = escalc("RD", ai = ai, ci = ci, n1i = n1i, n2i = n2i, data = dat.hine1989),
  gibson2002 = escalc("SMD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
                      data = dat.gibson2002),
  lee2004 = escalc("OR", ai = ai, ci = ci, n1i = n1i, n2i = n2i, data = dat.lee2004),
  cohen1981 = escalc("ZCOR", ri = ri, ni = ni, data = dat.cohen1981)
)
sets <- lapply(public, function(d) {
  d <- data.frame(yi = as.numeric(d$yi), vi = as.numeric(d$vi))
  d[complete.cases(d) & d$vi > 0, ]
})
own <- file.path(folder, "own_effects.csv")
if (file.exists(own)) {
  rows <- read.csv(own)
  for (name in unique(rows$analysis)) {
    d <- rows[rows$analysis == name, ]
    if (nrow(d) > 1) sets[[paste0("own_", name)]] <- data.frame(yi = d$effect, vi = d$variance)
  }
}

methods <- c("EE", "DL", "DL2", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "PMM", "GENQ")
tests <- c(z = "z", t = "t", HKSJ = "knha", "HKSJ-adhoc" = "adhoc")

fit <- function(d, method, test, tau2 = NULL) {
  s2 <- var(d$yi)
  control <- list(threshold = 1e-13 * s2, tol = 1e-14 * s2, maxiter = 100000, tau2.max = 1e4 * max(s2, d$vi))
  suppressWarnings(switch(method,
    DL2 = rma(yi, vi, data = d, method = "DL", tau2 = tau2, test = test),
    GENQ = rma(yi, vi, data = d, method = "GENQ", weights = 1 / sqrt(d$vi), test = test),
    rma(yi, vi, data = d, method = method, test = test, control = control)))
}

# Kenward-Roger by the general matrix formulas (Kenward and Roger 1997) for X = 1, V = diag(v + tau2)
kenward_roger <- function(yi, vi, tau2) {
  k <- length(yi); X <- matrix(1, k, 1); iV <- diag(1 / (vi + tau2))
  Phi <- solve(t(X) %*% iV %*% X)
  G <- iV - iV %*% X %*% Phi %*% t(X) %*% iV
  W <- 1 / (0.5 * sum(diag(G %*% G)))
  P <- -t(X) %*% iV %*% iV %*% X
  Q <- t(X) %*% iV %*% iV %*% iV %*% X
  PhiA <- Phi + 2 * Phi %*% (W * (Q - P %*% Phi %*% P)) %*% Phi
  L <- matrix(1, 1, 1); Theta <- t(L) %*% solve(L %*% Phi %*% t(L)) %*% L
  A1 <- W * sum(diag(Theta %*% Phi %*% P %*% Phi))^2
  A2 <- W * sum(diag(Theta %*% Phi %*% P %*% Phi %*% Theta %*% Phi %*% P %*% Phi))
  l <- 1; B <- (A1 + 6 * A2) / (2 * l); g <- ((l + 1) * A1 - (l + 4) * A2) / ((l + 2) * A2)
  den <- 3 * l + 2 * (1 - g); c1 <- g / den; c2 <- (l - g) / den; c3 <- (l + 2 - g) / den
  E <- 1 / (1 - A2 / l); V <- 2 / l * (1 + c1 * B) / ((1 - c2 * B)^2 * (1 - c3 * B))
  rho <- V / (2 * E^2); m <- 4 + (l + 2) / (l * rho - 1)
  est <- sum(yi / (vi + tau2)) / sum(1 / (vi + tau2)); se <- sqrt(PhiA[1]); crit <- qt(0.975, m)
  list(estimate = est, se = se, ci_low = est - crit * se, ci_high = est + crit * se,
       statistic = est / se, p_value = 2 * pt(-abs(est / se), m), df = m)
}

mean_values <- function(res, test) {
  out <- list(estimate = c(res$beta), se = res$se, ci_low = res$ci.lb, ci_high = res$ci.ub,
              statistic = res$zval, p_value = res$pval)
  if (test != "z") out$df <- res$ddf
  if (res$method != "EE") {
    v <- predict(res, pi.type = "t")
    out$prediction_V_low <- v$pi.lb; out$prediction_V_high <- v$pi.ub
    if (!res$tau2.fix) { # with tau2 given, as for DL2 here, metafor would use one degree of freedom more
      h <- predict(res, pi.type = "riley")
      out$prediction_HTS_low <- h$pi.lb; out$prediction_HTS_high <- h$pi.ub
    }
    if (test == "z") {
      z <- predict(res); out$prediction_z_low <- z$pi.lb; out$prediction_z_high <- z$pi.ub
    }
  }
  out
}

tau2_values <- function(d, res, method) {
  out <- list(tau2 = res$tau2, i2 = res$I2, h2 = res$H2, q = res$QE, q_df = res$k - 1, q_p = res$QEp,
              weights = as.numeric(weights(res)), log_likelihood = as.numeric(logLik(res)))
  if (method == "DL2") return(out)
  out$aic <- AIC(res); out$bic <- BIC(res); out$aicc <- fitstats(res)["AICc:", 1]
  if (method == "EE") return(out)
  s2 <- max(var(d$yi), d$vi)
  control <- list(tol = 1e-14 * s2, maxiter = 10000, tau2.max = 1e4 * s2)
  qp <- confint(res, type = "QP", control = control)$random
  out$tau2_se <- res$se.tau2
  for (limit in c("low", "high")) {
    column <- paste0("ci.", if (limit == "low") "lb" else "ub")
    out[[paste0("tau2_", limit)]] <- qp["tau^2", column]
    out[[paste0("i2_", limit)]] <- qp["I^2(%)", column]
    out[[paste0("h2_", limit)]] <- qp["H^2", column]
  }
  if (method %in% c("ML", "REML")) {
    pl <- confint(res, type = "PL", control = control)$random
    out$tau2_pl_low <- pl["tau^2", "ci.lb"]; out$tau2_pl_high <- pl["tau^2", "ci.ub"]
  }
  out
}

cases <- list()
for (name in names(sets)) for (method in methods) {
  d <- sets[[name]]
  tau2 <- NULL
  if (method == "DL2") {
    first <- rma(yi, vi, data = d, method = "DL")$tau2
    two_step <- suppressWarnings(rma(yi, vi, data = d, method = "GENQ", weights = 1 / (d$vi + first)))
    tau2 <- two_step$tau2
  }
  for (ci in names(tests)) {
    res <- fit(d, method, tests[[ci]], tau2)
    values <- mean_values(res, ci)
    if (ci == "z") values <- c(values, tau2_values(d, res, method))
    if (ci == "z" && method == "DL2") values$tau2_se <- two_step$se.tau2
    cases[[length(cases) + 1]] <- list(data = name, method = method, ci = ci, values = values)
  }
  if (method == "REML")
    cases[[length(cases) + 1]] <- list(data = name, method = method, ci = "KR",
                                       values = kenward_roger(d$yi, d$vi, res$tau2))
}

# Subgroups: separate fits with the test between groups, and a common tau2 from the model with the group factor
grouped <- list(
  bcg_alloc = data.frame(yi = sets$bcg_rr$yi, vi = sets$bcg_rr$vi, group = dat.bcg$alloc),
  bangertdrowns_grade = data.frame(yi = dat.bangertdrowns2004$yi, vi = dat.bangertdrowns2004$vi,
                                   group = paste0("grade ", dat.bangertdrowns2004$grade)),
  raudenbush_setting = data.frame(yi = as.numeric(dat.raudenbush1985$yi), vi = dat.raudenbush1985$vi,
                                  group = dat.raudenbush1985$setting)
)
subgroups <- list()
for (name in names(grouped)) for (method in c("EE", "DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "PMM"))
for (common in c(TRUE, FALSE)) for (ci in c("z", "HKSJ")) {
  d <- grouped[[name]]; s2 <- var(d$yi)
  control <- list(threshold = 1e-13 * s2, tol = 1e-14 * s2, maxiter = 100000)
  d$group <- factor(d$group, levels = unique(d$group))
  pieces <- split(d, d$group)
  if (common && method != "EE") {
    res <- suppressWarnings(rma(yi, vi, mods = ~ group, data = d, method = method, control = control))
    each <- lapply(pieces, function(g) suppressWarnings(rma(yi, vi, data = g, method = "REML", tau2 = res$tau2,
                                                            test = tests[[ci]])))
    between <- list(q = res$QM, df = res$m, p = res$QMp)
  } else {
    each <- lapply(pieces, function(g) suppressWarnings(rma(yi, vi, data = g, method = method, test = tests[[ci]],
                                                            control = control)))
    est <- sapply(each, function(r) c(r$beta)); se <- sapply(each, function(r) sqrt(1 / sum(1 / (r$vi + r$tau2))))
    res <- rma(est, sei = se, mods = ~ factor(names(est)), method = "EE")
    between <- list(q = res$QM, df = res$m, p = res$QMp)
  }
  subgroups[[length(subgroups) + 1]] <- list(
    data = name, method = method, ci = ci, common_tau2 = common, values = list(
      q_between = between$q, df = between$df, p_value = between$p,
      estimate = unname(sapply(each, function(r) c(r$beta))), se = unname(sapply(each, function(r) r$se)),
      ci_low = unname(sapply(each, function(r) r$ci.lb)), ci_high = unname(sapply(each, function(r) r$ci.ub)),
      tau2 = unname(sapply(each, function(r) r$tau2))))
}

# Hard cases: scattered variances and outliers, with metafor's default settings; null where it stops or warns. They
# show that the maximum found here is at least as high.
set.seed(20240611)
hard <- lapply(1:80, function(i) {
  k <- sample(c(3, 4, 5, 8), 1)
  vi <- if (i %% 2) 10^runif(k, -6, 2) else 10^runif(k, -3, 0)
  yi <- rnorm(k) * sqrt(vi) * sample(c(1, 1, 1, 30), k, replace = TRUE)
  yi <- signif(yi, 12); vi <- signif(vi, 12)
  one <- function(method) tryCatch(as.numeric(logLik(rma(yi, vi, method = method))), error = function(e) NULL,
                                   warning = function(w) NULL)
  list(yi = yi, vi = vi, ML = one("ML"), REML = one("REML"))
})

write_json(list(reference = paste("metafor", packageVersion("metafor")), data = lapply(sets, as.list), cases = cases,
                grouped = lapply(grouped, function(d) lapply(as.list(d), c)), subgroups = subgroups, hard = hard),
           file.path(folder, "pool.json"), digits = NA, auto_unbox = TRUE, na = "null", null = "null")
cat(length(cases), "fits and", length(subgroups), "subgroup analyses\n")
