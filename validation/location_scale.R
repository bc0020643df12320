# Reference values for location-scale models: metafor on public data sets of metadat.
# Usage: Rscript validation/location_scale.R     writes validation/location_scale.json

suppressPackageStartupMessages({library(metafor); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

# several optimisers; the fit with the highest likelihood counts
controls <- list(list(optimizer = "nlminb", rel.tol = 1e-12, eval.max = 5000, iter.max = 5000),
                 list(optimizer = "nlminb", rel.tol = 1e-9),
                 list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-14, maxit = 5000),
                 list(optimizer = "optim", optmethod = "Nelder-Mead", reltol = 1e-14, maxit = 20000))

bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
writing <- dat.bangertdrowns2004
school <- dat.konstantopoulos2011
sets <- list(
  bcg = data.frame(yi = c(bcg$yi), vi = bcg$vi, ablat = bcg$ablat, alloc = bcg$alloc),
  bangertdrowns2004 = data.frame(yi = c(writing$yi), vi = writing$vi, ni100 = writing$ni / 100, meta = writing$meta,
                                 grade = writing$grade),
  konstantopoulos2011 = data.frame(yi = c(school$yi), vi = school$vi, year = school$year - 1990)
)

cases <- list()
put <- function(name, formula, scale) {
  d <- sets[[name]]
  for (method in c("REML", "ML")) for (test in c("t", "z")) {
    fits <- lapply(controls, function(control) try(suppressWarnings(
      rma(d$yi, d$vi, mods = as.formula(sub("^yi", "", formula)), scale = as.formula(scale), data = d,
          method = method, test = test, control = control)), silent = TRUE))
    fits <- Filter(function(fit) !inherits(fit, "try-error"), fits)
    res <- fits[[which.max(sapply(fits, function(fit) as.numeric(logLik(fit))))]]
    values <- list(estimate = c(res$beta), se = res$se, ci_low = res$ci.lb, ci_high = res$ci.ub,
                   statistic = res$zval, p_value = res$pval, qm = res$QM, qm_p = res$QMp,
                   scale_estimate = c(res$alpha), scale_se = res$se.alpha, scale_ci_low = res$ci.lb.alpha,
                   scale_ci_high = res$ci.ub.alpha, scale_p_value = res$pval.alpha, qs = res$QS, qs_p = res$QSp,
                   tau2 = c(res$tau2), qe = res$QE, qe_p = res$QEp, log_likelihood = as.numeric(logLik(res)),
                   aic = AIC(res), bic = BIC(res), weights = c(weights(res)))
    cases[[length(cases) + 1]] <<- list(data = name, formula = formula, scale = scale, method = method, test = test,
                                        values = values)
  }
}
put("bcg", "yi ~ ablat", "~ ablat")
put("bcg", "yi ~ 1", "~ ablat")
put("bangertdrowns2004", "yi ~ ni100", "~ ni100")
put("bangertdrowns2004", "yi ~ 1", "~ ni100 + meta")
put("bangertdrowns2004", "yi ~ ni100 + meta", "~ ni100 - 1")
put("konstantopoulos2011", "yi ~ 1", "~ year")
put("konstantopoulos2011", "yi ~ year", "~ 1")

write_json(list(reference = paste("metafor", packageVersion("metafor")), data = sets, cases = cases),
           file.path(folder, "location_scale.json"), digits = NA, auto_unbox = TRUE, na = "null", null = "null")
cat(length(cases), "fits\n")
