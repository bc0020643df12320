# Reference values for models of dependent effects and for assumed covariances: metafor on public data sets of metadat.
# Usage: Rscript validation/multilevel.R     writes validation/multilevel.json

suppressPackageStartupMessages({library(metafor); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"
# several optimisers at tight tolerance; the fit with the highest likelihood counts
controls <- list(list(optimizer = "nlminb", rel.tol = 1e-14, eval.max = 5000, iter.max = 5000),
                 list(optimizer = "nlminb", rel.tol = 1e-10, eval.max = 5000, iter.max = 5000),
                 list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-15, maxit = 5000),
                 list(optimizer = "optim", optmethod = "Nelder-Mead", reltol = 1e-15, maxit = 20000))

ishak <- reshape(dat.ishak2007, direction = "long", idvar = "study", v.names = c("yi", "vi"),
                 varying = list(c("y1i", "y2i", "y3i", "y4i"), c("v1i", "v2i", "v3i", "v4i")))
ishak <- ishak[order(ishak$study, ishak$time), ]
ishak <- ishak[!is.na(ishak$yi), ]
rownames(ishak) <- NULL
ishak <- data.frame(study = ishak$study, time = paste0("t", ishak$time), month = ishak$time,
                    weeks = c(2, 4.5, 6, 11)[ishak$time], yi = ishak$yi, vi = ishak$vi)
ishak_v <- vcalc(vi, cluster = study, time1 = month, phi = 0.97, data = ishak)
berkey <- dat.berkey1998
berkey_v <- vcalc(vi = 1, cluster = author, rvars = c(v1i, v2i), data = berkey)
konst <- dat.konstantopoulos2011
assink <- dat.assink2016
bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
lim <- dat.lim2014$o_o_unadj
lim <- escalc("ZCOR", ri = ri, ni = ni, data = lim)

sets <- list(
  konstantopoulos2011 = konst[c("district", "school", "study", "year", "yi", "vi")],
  assink2016 = assink[c("study", "esid", "id", "pubstatus", "year", "deltype", "yi", "vi")],
  berkey1998 = berkey[c("trial", "author", "year", "outcome", "yi", "vi")],
  ishak2007 = ishak,
  bcg = data.frame(trial = bcg$trial, alloc = bcg$alloc, ablat = bcg$ablat, yi = c(bcg$yi), vi = bcg$vi),
  lim2014 = data.frame(article = lim$article, species = lim$species, id = seq_len(nrow(lim)),
                       yi = c(lim$yi), vi = lim$vi)
)
covariances <- list(berkey1998 = berkey_v, ishak2007 = ishak_v,
                    assink2016 = vcalc(vi, cluster = study, obs = esid, rho = 0.6, data = assink))

cases <- list()
put <- function(name, formula, random, levels, covariance = FALSE, outcome = NULL, structure = NULL, crossed = NULL) {
  d <- sets[[name]]
  d$yi <- as.numeric(d$yi)
  V <- if (covariance) covariances[[name]] else d$vi
  for (method in c("REML", "ML")) for (test in c("t", "z")) {
    arguments <- list(quote(yi), V, mods = as.formula(sub("^yi", "", formula)), random = random, data = d,
                      method = method, test = test)
    if (!is.null(structure)) arguments$struct <- structure
    fits <- lapply(controls, function(control) try(suppressWarnings(
      do.call(rma.mv, c(arguments, list(control = control)))), silent = TRUE))
    fits <- Filter(function(fit) !inherits(fit, "try-error"), fits)
    res <- fits[[which.max(sapply(fits, function(fit) as.numeric(logLik(fit))))]]
    values <- list(estimate = c(res$beta), se = res$se, ci_low = res$ci.lb, ci_high = res$ci.ub,
                   statistic = res$zval, p_value = res$pval, qm = res$QM, qm_p = res$QMp)
    if (formula == "yi ~ 1" && is.null(structure)) {
      new <- predict(res)
      values$prediction_low <- new$pi.lb; values$prediction_high <- new$pi.ub
    }
    if (test == "t") {
      values <- c(values, list(log_likelihood = as.numeric(logLik(res)), aic = AIC(res), bic = BIC(res),
                               aicc = fitstats(res)["AICc:", 1], qe = res$QE, qe_p = res$QEp, k = res$k))
      if (length(levels) + length(crossed) > 1 || is.null(structure)) {
        values$variances <- res$sigma2
        limits <- lapply(seq_along(res$sigma2), function(i) suppressWarnings(
          confint(res, sigma2 = i, control = list(tol = 1e-12, maxiter = 10000))$random[1, 2:3]))
        values$sigma2_low <- unname(sapply(limits, function(x) x[1]))
        values$sigma2_high <- unname(sapply(limits, function(x) x[2]))
        if (is.null(structure)) {
          W <- solve(if (covariance) V else diag(V)); X <- model.matrix(res)
          P <- W - W %*% X %*% solve(t(X) %*% W %*% X) %*% t(X) %*% W
          values$i2 <- 100 * res$sigma2 / (sum(res$sigma2) + (res$k - res$p) / sum(diag(P)))
        }
      }
      if (!is.null(structure)) {
        values$tau2 <- unname(res$tau2)
        if (!structure %in% c("ID", "DIAG")) values$rho <- unname(res$rho)
      }
    }
    cases[[length(cases) + 1]] <<- list(data = name, formula = formula, levels = levels, covariance = covariance,
                                        outcome = outcome, structure = structure, crossed = crossed,
                                        method = method, test = test,
                                        values = values)
  }
}

put("konstantopoulos2011", "yi ~ 1", quote(~ 1 | district / school), c("district", "school"))
put("konstantopoulos2011", "yi ~ year", quote(~ 1 | district / school), c("district", "school"))
put("konstantopoulos2011", "yi ~ 1", quote(~ 1 | study), "study")
put("assink2016", "yi ~ 1", quote(~ 1 | study / esid), c("study", "esid"))
put("assink2016", "yi ~ deltype", quote(~ 1 | study / esid), c("study", "esid"))
put("assink2016", "yi ~ 1", quote(~ 1 | study / esid), c("study", "esid"), covariance = TRUE)
put("assink2016", "yi ~ pubstatus + year", quote(~ 1 | study / esid), c("study", "esid"), covariance = TRUE)
put("bcg", "yi ~ ablat", quote(~ 1 | alloc / trial), c("alloc", "trial"))
put("lim2014", "yi ~ 1", quote(~ 1 | article / species / id), c("article", "species", "id"))
put("berkey1998", "yi ~ outcome - 1", quote(~ outcome | trial), "trial", TRUE, "outcome", "UN")
put("berkey1998", "yi ~ outcome * year", quote(~ outcome | trial), "trial", TRUE, "outcome", "UN")
put("berkey1998", "yi ~ outcome - 1", quote(~ outcome | trial), "trial", TRUE, "outcome", "CS")
put("ishak2007", "yi ~ time - 1", quote(~ time | study), "study", TRUE, "time", "CS")
put("ishak2007", "yi ~ time - 1", quote(~ time | study), "study", TRUE, "time", "HCS")
put("ishak2007", "yi ~ time - 1", quote(~ time | study), "study", FALSE, "time", "CS")
for (structure in c("ID", "DIAG", "AR", "HAR"))
  put("ishak2007", "yi ~ time - 1", quote(~ month | study), "study", TRUE, "month", structure)
put("ishak2007", "yi ~ time - 1", quote(~ weeks | study), "study", TRUE, "weeks", "CAR")
put("ishak2007", "yi ~ 1", quote(~ weeks | study), "study", FALSE, "weeks", "CAR")
put("konstantopoulos2011", "yi ~ 1", quote(list(~ 1 | district, ~ 1 | year)), NULL, crossed = c("district", "year"))
put("konstantopoulos2011", "yi ~ 1", quote(list(~ 1 | district / school, ~ 1 | year)), c("district", "school"), crossed = "year")

put("assink2016", "yi ~ deltype - 1", quote(~ deltype | study), "study", TRUE, "deltype", "CS")

frame <- data.frame(cluster = c("a", "a", "a", "a", "b", "b", "c"), outcome = c("x", "x", "y", "y", "x", "y", "x"),
                    time = c(0, 2, 0, 2, 1, 1, 3), obs = 1:7, vi = c(0.1, 0.2, 0.15, 0.3, 0.05, 0.4, 0.2))
assumed <- list(
  list(options = list(rho = 0.6), matrix = vcalc(vi, cluster = cluster, obs = obs, rho = 0.6, data = frame)),
  list(options = list(rho_outcome = 0.4, rho = 0.7, outcome = TRUE),
       matrix = vcalc(vi, cluster = cluster, type = outcome, obs = obs, rho = c(0.7, 0.4), data = frame)),
  list(options = list(rho_outcome = 0.4, phi = 0.8, outcome = TRUE, time = TRUE),
       matrix = vcalc(vi, cluster = cluster, type = outcome, time1 = time, rho = 0.4, phi = 0.8, data = frame)),
  list(options = list(phi = 0.8, time = TRUE, rows = c(0, 1, 4, 6)),
       matrix = vcalc(vi, cluster = cluster, time1 = time, phi = 0.8, data = frame[c(1, 2, 5, 7), ]))
)

collapse <- list()
for (rho in c(0, 0.3, 0.8)) for (weighted in c(TRUE, FALSE)) {
  d <- escalc(yi = yi, vi = vi, data = as.data.frame(assink)[c("study", "esid", "yi", "vi")])
  a <- aggregate(d, cluster = study, rho = rho, weighted = weighted)
  collapse[[length(collapse) + 1]] <- list(data = "assink2016", rho = rho, weighted = weighted,
                                           values = list(effect = as.numeric(a$yi), variance = a$vi))
}
a <- aggregate(escalc(yi = yi, vi = vi, data = as.data.frame(berkey)[c("trial", "yi", "vi")]), cluster = trial, V = berkey_v)
collapse[[length(collapse) + 1]] <- list(data = "berkey1998", weighted = TRUE,
                                         values = list(effect = as.numeric(a$yi), variance = a$vi))

plain <- function(d) lapply(as.list(d), function(column) if (is.factor(column)) as.character(column) else c(column))
write_json(list(reference = paste("metafor", packageVersion("metafor")), data = lapply(sets, plain),
                covariances = lapply(covariances, function(v) unname(as.matrix(v))), cases = cases,
                frame = plain(frame), assumed = lapply(assumed, function(a) list(options = a$options, matrix = unname(a$matrix))),
                aggregate = collapse),
           file.path(folder, "multilevel.json"), digits = NA, auto_unbox = TRUE, na = "null", null = "null")
cat(length(cases), "fits\n")
