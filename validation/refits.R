# Fits of some of the studies by metafor: leave-one-out and cumulation of Mantel-Haenszel, Peto, regression and multilevel
# fits, their subgroups, and the interval of the tau2 that subgroups share.
# Run from the root of the repository: Rscript validation/refits.R

suppressMessages({
  library(metafor)
  library(jsonlite)
})

bcg <- with(dat.bcg, data.frame(a = tpos, b = tneg, c = cpos, d = cneg, year = year, ablat = ablat, group = alloc))
bcg <- cbind(bcg, as.data.frame(escalc("RR", ai = a, bi = b, ci = c, di = d, data = bcg))[c("yi", "vi")])
nielweise <- with(dat.nielweise2007, data.frame(a = ai, b = n1i - ai, c = ci, d = n2i - ci, year = year))
nielweise$group <- rep(c("x", "y", "z"), length.out = nrow(nielweise))
konstantopoulos <- as.data.frame(dat.konstantopoulos2011)[1:20, c("district", "school", "year", "yi", "vi")]
konstantopoulos$yi <- as.numeric(konstantopoulos$yi)
sets <- list(bcg = bcg, nielweise2007 = nielweise, konstantopoulos2011 = konstantopoulos)

cases <- list()
none <- setNames(list(), character(0))
put <- function(what, model, set, options, values)
  cases[[length(cases) + 1]] <<- list(what = what, model = model, data = set, options = options, values = values)
row <- function(m, j = 1) list(estimate = m$beta[j], se = m$se[j], ci_low = m$ci.lb[j], ci_high = m$ci.ub[j], p_value = m$pval[j])
bind <- function(fits, j = 1) {
  rows <- lapply(fits, row, j = j)
  out <- lapply(setNames(nm = names(rows[[1]])), function(n) sapply(rows, function(r) if (is.null(r[[n]])) NA else r[[n]]))
  out
}
for (set in c("bcg", "nielweise2007")) {
  d <- sets[[set]]
  k <- nrow(d)
  fitters <- list(
    OR = function(s) rma.mh(ai = a, bi = b, ci = c, di = d, data = s, measure = "OR", add = c(1/2, 0), to = c("only0", "none")),
    RR = function(s) rma.mh(ai = a, bi = b, ci = c, di = d, data = s, measure = "RR", add = c(1/2, 0), to = c("only0", "none")),
    RD = function(s) rma.mh(ai = a, bi = b, ci = c, di = d, data = s, measure = "RD", add = c(1/2, 0), to = c("only0", "none")),
    peto = function(s) rma.peto(ai = a, bi = b, ci = c, di = d, data = s))
  for (name in names(fitters)) {
    f <- function(s) suppressWarnings(fitters[[name]](s))
    model <- if (name == "peto") "peto" else "mantel_haenszel"
    options <- if (name == "peto") none else list(measure = name)
    put("leave_one_out", model, set, options, bind(lapply(seq_len(k), function(i) f(d[-i, ]))))
    order <- order(d$year)
    put("cumulative", model, set, options, bind(lapply(5:k, function(i) f(d[order[seq_len(i)], ]))))
    groups <- lapply(unique(d$group), function(g) f(d[d$group == g, ]))
    v <- bind(groups)
    test <- rma(v$estimate, sei = v$se, method = "EE")
    put("subgroups", model, set, options, c(v, list(q_between = test$QE, p = test$QEp)))
  }
}
k <- nrow(bcg)
reg <- function(s) rma(yi, vi, mods = ~ ablat, data = s, method = "DL", test = "knha")
put("leave_one_out", "regress", "bcg", none, bind(lapply(seq_len(k), function(i) reg(bcg[-i, ])), 2))
put("cumulative", "regress", "bcg", none, bind(lapply(5:k, function(i) reg(bcg[order(bcg$year)[seq_len(i)], ])), 2))
mv <- function(s) rma.mv(yi, vi, random = ~ 1 | district/school, data = s, test = "t",
                         control = list(optimizer = "nlminb", rel.tol = 1e-10, iter.max = 2000, eval.max = 4000))
n <- nrow(konstantopoulos)
put("leave_one_out", "multilevel", "konstantopoulos2011", none, bind(lapply(seq_len(n), function(i) mv(konstantopoulos[-i, ]))))

for (method in c("DL", "REML", "ML", "PM", "HE")) for (level in c(95, 90)) {
  m <- rma(yi, vi, mods = ~ group, data = bcg, method = method, level = level, control = list(tau2.max = 100, tol = 1e-13, threshold = 1e-12, maxiter = 1000))
  ci <- confint(m, control = list(tol = 1e-12))$random["tau^2", ]
  put("common_tau2", "pool", "bcg", list(method = method, level = level / 100),
      list(tau2 = unname(ci[1]), tau2_low = unname(ci[2]), tau2_high = unname(ci[3])))
}
# Standardised residuals, and where a normal Q-Q plot puts them.
quantiles <- function(model, set, options, m) {
  d <- data.frame(z = as.numeric(rstandard(m)$z))
  z <- sort(d$z[is.finite(d$z)])
  put("qq", model, set, options, list(residual = z, expected = qnorm(ppoints(length(z)))))
}
for (method in c("EE", "DL")) {
  quantiles("pool", "bcg", list(method = method, level = 0.95), rma(yi, vi, data = bcg, method = method))
}
quantiles("regress", "bcg", none, reg(bcg))
quantiles("multilevel", "konstantopoulos2011", none, mv(konstantopoulos))
for (measure in c("OR", "RR", "RD"))
  quantiles("mantel_haenszel", "bcg", list(measure = measure),
            rma.mh(ai = a, bi = b, ci = c, di = d, data = bcg, measure = measure, add = c(1/2, 0), to = c("only0", "none")))

writeLines(toJSON(list(source = paste("metafor", packageVersion("metafor")), data = lapply(sets, as.list), cases = cases),
                  digits = NA, auto_unbox = TRUE, na = "null"), "validation/refits.json")
cat(length(cases), "cases\n")
