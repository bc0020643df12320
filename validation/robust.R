# Reference values for cluster-robust inference: clubSandwich on fits by metafor, public data sets of metadat.
# Usage: Rscript validation/robust.R     writes validation/robust.json

suppressPackageStartupMessages({library(metafor); library(clubSandwich); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

konst <- dat.konstantopoulos2011
assink <- dat.assink2016
berkey <- dat.berkey1998
bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
sets <- list(
  konstantopoulos2011 = konst[c("district", "school", "year", "yi", "vi")],
  assink2016 = assink[c("study", "esid", "pubstatus", "year", "deltype", "yi", "vi")],
  berkey1998 = berkey[c("trial", "year", "outcome", "yi", "vi")],
  bcg = data.frame(trial = bcg$trial, alloc = bcg$alloc, ablat = bcg$ablat, yi = c(bcg$yi), vi = bcg$vi),
  bangertdrowns2004 = dat.bangertdrowns2004[c("id", "year", "grade", "length", "meta", "yi", "vi")]
)
covariances <- list(berkey1998 = vcalc(vi = 1, cluster = author, rvars = c(v1i, v2i), data = berkey),
                    assink2016 = vcalc(vi, cluster = study, obs = esid, rho = 0.6, data = assink))

cases <- list()
put <- function(name, formula, cluster, model, levels = NULL, covariance = FALSE, method = "DL") {
  d <- as.data.frame(sets[[name]]); d$yi <- as.numeric(d$yi)
  d <- d[complete.cases(d[all.vars(as.formula(formula))]), ]
  mods <- as.formula(sub("^yi", "", formula))
  if (model == "multilevel") {
    random <- if (length(levels) == 2) as.formula(paste("~ 1 |", levels[1], "/", levels[2])) else as.formula(paste("~ 1 |", levels))
    V <- if (covariance) covariances[[name]] else diag(d$vi)
    res <- suppressWarnings(do.call(rma.mv, list(quote(yi), V, mods = mods, random = random, data = d,
      control = list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-15, maxit = 10000))))
  } else {
    res <- suppressWarnings(rma(yi, vi, mods = mods, data = d, method = method,
                                control = list(threshold = 1e-13, maxiter = 100000)))
  }
  for (correction in c("CR0", "CR1", "CR2")) {
    V <- vcovCR(res, cluster = d[[cluster]], type = correction)
    found <- coef_test(res, vcov = V, test = "Satterthwaite")
    limits <- conf_int(res, vcov = V, level = 0.95)
    cases[[length(cases) + 1]] <<- list(
      data = name, formula = formula, cluster = cluster, model = model, levels = levels, covariance = covariance,
      method = method, correction = correction,
      values = list(estimate = found$beta, se = found$SE, statistic = found$tstat, df = found$df_Satt,
                    p_value = found$p_Satt, ci_low = limits$CI_L, ci_high = limits$CI_U,
                    covariance = unname(unclass(as.matrix(V))[, , drop = FALSE])))
    if (length(found$beta) > 2) {
      wald <- Wald_test(res, constrain_zero(2:length(found$beta)), vcov = V, test = "HTZ")
      cases[[length(cases)]]$wald <<- list(statistic = wald$Fstat, df = wald$df_num, df_error = wald$df_denom,
                                           p_value = wald$p_val)
    }
  }
}
for (method in c("DL", "HE", "EE")) {
  put("konstantopoulos2011", "yi ~ 1", "district", "pool", method = method)
  put("assink2016", "yi ~ 1", "study", "pool", method = method)
  put("bcg", "yi ~ 1", "trial", "pool", method = method)
  put("konstantopoulos2011", "yi ~ year", "district", "regress", method = method)
  put("assink2016", "yi ~ deltype + year", "study", "regress", method = method)
  put("bcg", "yi ~ ablat", "trial", "regress", method = method)
  put("bangertdrowns2004", "yi ~ length + meta", "grade", "regress", method = method)
}
put("assink2016", "yi ~ 1", "study", "regress", method = "REML")
put("konstantopoulos2011", "yi ~ 1", "district", "multilevel", c("district", "school"))
put("konstantopoulos2011", "yi ~ year", "district", "multilevel", c("district", "school"))
put("assink2016", "yi ~ 1", "study", "multilevel", c("study", "esid"))
put("assink2016", "yi ~ deltype + pubstatus", "study", "multilevel", c("study", "esid"), TRUE)
put("berkey1998", "yi ~ outcome", "trial", "multilevel", "trial", TRUE)

plain <- function(d) lapply(as.list(d), function(column) if (is.factor(column)) as.character(column) else c(column))
write_json(list(reference = paste("clubSandwich", packageVersion("clubSandwich"), "and metafor", packageVersion("metafor")),
                data = lapply(sets, plain), covariances = lapply(covariances, function(v) unname(as.matrix(v))),
                cases = cases),
           file.path(folder, "robust.json"), digits = NA, auto_unbox = TRUE, na = "null", null = "null")
cat(length(cases), "tests\n")
