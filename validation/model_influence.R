# Reference values for influence and small-study regression of models with moderators, levels or robust errors: metafor
# and clubSandwich on public data sets of metadat; refits without a cluster where metafor has no function.
# Usage: Rscript validation/model_influence.R     writes validation/model_influence.json

suppressPackageStartupMessages({library(metafor); library(clubSandwich); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

konst <- dat.konstantopoulos2011
assink <- dat.assink2016
bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
sets <- list(
  konstantopoulos2011 = konst[c("district", "school", "year", "yi", "vi")],
  assink2016 = assink[assink$study <= 8, c("study", "esid", "pubstatus", "year", "yi", "vi")],
  bcg = data.frame(trial = bcg$trial, alloc = bcg$alloc, ablat = bcg$ablat, yi = as.numeric(bcg$yi), vi = as.numeric(bcg$vi))
)
control <- list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-15, maxit = 10000)
cases <- list()
add <- function(...) cases[[length(cases) + 1]] <<- list(...)

multilevel <- function(name, formula, levels, cluster) {
  d <- sets[[name]]
  random <- as.formula(paste("~ 1 |", paste(levels, collapse = "/")))
  run <- function(mods, d) suppressWarnings(do.call(rma.mv, list(quote(yi), quote(vi), mods = mods, random = random,
    data = d, control = control, test = "t")))
  mods <- as.formula(sub("^yi", "", formula))
  res <- run(mods, d)
  ids <- sort(unique(d[[cluster]]))
  values <- list(hat = hatvalues(res))
  d$cluster_ <- d[[cluster]]
  values$cook <- cooks.distance(res, cluster = d$cluster_)
  values$dfbetas <- unname(as.matrix(dfbetas(res, cluster = d$cluster_)))
  deleted <- rstudent(res, cluster = d$cluster_)
  values$studentised <- deleted$obs$z
  values$outlying <- deleted$cluster$X2
  without <- lapply(ids, function(one) run(mods, d[d[[cluster]] != one, ]))
  values$tau2_deleted <- sapply(without, function(x) sum(x$sigma2))
  values$covariance_ratio <- sapply(without, function(x) det(x$vb) / det(res$vb))
  add(kind = "influence", data = name, formula = formula, model = "multilevel", levels = levels, cluster = cluster,
      values = values)
  add(kind = "leave_one_out", data = name, formula = formula, model = "multilevel", levels = levels, cluster = cluster,
      values = list(estimate = sapply(without, function(x) unname(x$beta[nrow(x$beta), 1])),
                    se = sapply(without, function(x) unname(x$se[length(x$se)]))))
  robust <- lapply(ids, function(one) {
    part <- d[d[[cluster]] != one, ]
    coef_test(run(mods, part), vcov = "CR2", cluster = part[[cluster]], test = "Satterthwaite")
  })
  last <- nrow(res$beta)
  add(kind = "leave_one_out", data = name, formula = formula, model = "robust", levels = levels, cluster = cluster,
      values = list(estimate = sapply(robust, function(x) x$beta[last]), se = sapply(robust, function(x) x$SE[last]),
                    p_value = sapply(robust, function(x) x$p_Satt[last])))
  V <- as.matrix(vcovCR(res, cluster = d[[cluster]], type = "CR2"))
  change <- sapply(without, function(x) as.numeric(res$beta - x$beta))
  change <- matrix(change, nrow = last)
  fixed <- sapply(without, function(x) {
    again <- suppressWarnings(do.call(rma.mv, list(quote(yi), quote(vi), mods = mods, random = random, data = d,
                                                   sigma2 = x$sigma2)))
    sqrt(diag(as.matrix(vcovCR(again, cluster = d[[cluster]], type = "CR2"))))
  })
  add(kind = "influence", data = name, formula = formula, model = "robust", levels = levels, cluster = cluster,
      values = list(cook = colSums(change * solve(unname(V), change)), dfbetas = unname(t(change / matrix(fixed, nrow = last)))))
  for (predictor in c("sei", "vi")) {
    d$x_ <- if (predictor == "sei") sqrt(d$vi) else d$vi
    wider <- run(update(mods, ~ . + x_), d)
    row <- coef(summary(wider))[last + 1, ]
    values <- list(slope = row$estimate, slope_se = row$se, statistic = row$tval, df = wider$k - wider$p, p_value = row$pval,
                   tau2 = sum(wider$sigma2))
    if (last == 1) values <- c(values, list(limit = wider$beta[1], limit_low = wider$ci.lb[1], limit_high = wider$ci.ub[1]))
    add(kind = "egger", data = name, formula = formula, model = "multilevel", levels = levels, cluster = cluster,
        predictor = predictor, values = values)
    found <- coef_test(wider, vcov = "CR2", cluster = d[[cluster]], test = "Satterthwaite")
    add(kind = "egger", data = name, formula = formula, model = "robust", levels = levels, cluster = cluster,
        predictor = predictor, values = list(slope = found$beta[last + 1], slope_se = found$SE[last + 1],
        statistic = found$tstat[last + 1], df = found$df_Satt[last + 1], p_value = found$p_Satt[last + 1]))
  }
}
multilevel("konstantopoulos2011", "yi ~ 1", c("district", "school"), "district")
multilevel("konstantopoulos2011", "yi ~ year", c("district", "school"), "district")
multilevel("assink2016", "yi ~ 1", c("study", "esid"), "study")
multilevel("assink2016", "yi ~ year", c("study", "esid"), "study")

for (test in c("z", "t", "knha")) for (method in c("REML", "DL", "EE")) {
  d <- sets$bcg
  x <- suppressWarnings(rma(yi, vi, mods = ~ ablat, data = d, method = method, test = test,
                            control = list(threshold = 1e-14, maxiter = 1e5)))
  inf <- influence(x)
  add(kind = "influence", data = "bcg", formula = "yi ~ ablat", model = "regress", method = method,
      ci = c(z = "z", t = "t", knha = "HKSJ")[[test]],
      values = list(hat = inf$inf$hat, cook = inf$inf$cook.d, studentised = inf$inf$rstudent,
                    dfbetas = unname(as.matrix(as.data.frame(inf$dfbs))), tau2_deleted = inf$inf$tau2.del,
                    covariance_ratio = inf$inf$cov.r))
}

plain <- function(d) lapply(as.list(d), function(column) if (is.factor(column)) as.character(column) else c(column))
write_json(list(reference = paste("metafor", packageVersion("metafor"), "and clubSandwich", packageVersion("clubSandwich")),
                data = lapply(sets, plain), cases = cases),
           file.path(folder, "model_influence.json"), digits = NA, auto_unbox = TRUE, na = "null", null = "null")
cat(length(cases), "cases\n")
