# Effects and variances by metafor::escalc, for every measure, variance form and rule for zero cells.
# Run from the root of the repository: Rscript validation/effect_size.R

suppressMessages({
  library(metafor)
  library(jsonlite)
})

cells <- function(a, b, c, d) data.frame(a = a, b = b, c = c, d = d)

grid <- expand.grid(a = c(0, 1, 5), b = c(0, 4, 9), c = c(0, 2), d = c(0, 7))
grid <- grid[grid$a + grid$b > 0 & grid$c + grid$d > 0, ]

paired <- expand.grid(m1 = c(-1.3, 12.25), sd1 = c(0.8, 3), m2 = c(0.4, 11), sd2 = c(0.9, 2.5),
                      n = c(4, 31), r = c(-0.2, 0, 0.7))

groups <- expand.grid(m1 = c(1.3, 12.25), sd1 = c(0.8, 3), n1 = c(2, 17, 400), m2 = c(0.4, 11),
                      sd2 = c(0.9, 2.5), n2 = c(2, 31))

nielweise <- dat.nielweise2007
axfors <- dat.axfors2021
hine <- dat.hine1989
li <- dat.li2007
yusuf <- dat.yusuf1985[dat.yusuf1985$table == "6", ]
two_groups <- c("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i")
as_groups <- function(data) setNames(data[complete.cases(data[two_groups]), two_groups], sub("i$", "", two_groups))
agostino <- dat.dagostino1998[c("mt", "sdt", "nt", "mc", "sdc", "nc")]
names(agostino) <- names(groups)[c(1, 2, 3, 4, 5, 6)]

data <- list(
  zero_grid = grid,
  dat.nielweise2007 = cells(nielweise$ai, nielweise$n1i - nielweise$ai, nielweise$ci, nielweise$n2i - nielweise$ci),
  dat.axfors2021 = cells(axfors$hcq_arm_event, axfors$hcq_arm_total - axfors$hcq_arm_event,
                         axfors$control_arm_event, axfors$control_arm_total - axfors$control_arm_event),
  dat.bcg = cells(dat.bcg$tpos, dat.bcg$tneg, dat.bcg$cpos, dat.bcg$cneg),
  dat.hine1989 = cells(hine$ai, hine$n1i - hine$ai, hine$ci, hine$n2i - hine$ci),
  dat.li2007 = cells(li$ai, li$n1i - li$ai, li$ci, li$n2i - li$ci),
  dat.yusuf1985 = cells(yusuf$ai, yusuf$n1i - yusuf$ai, yusuf$ci, yusuf$n2i - yusuf$ci),
  group_grid = groups,
  dat.normand1999 = as_groups(dat.normand1999),
  dat.gibson2002 = as_groups(dat.gibson2002),
  dat.curtis1998 = as_groups(dat.curtis1998),
  dat.dagostino1998 = agostino[complete.cases(agostino), ],
  paired_grid = paired,
  paired_second_grid = transform(paired, r = c(-0.5, 0.2, 0.9)[seq_len(nrow(paired)) %% 3 + 1]),
  positive_grid = groups[groups$m1 > 0 & groups$n1 > 1, ],
  mean_grid = expand.grid(m = c(0.4, 12.25), sd = c(0, 0.8, 3), n = c(2, 31)),
  rate_grid = data.frame(events = c(0, 1, 3, 10, 12, 20), time = c(8, 1, 11.5, 1000, 30, 0.25)),
  rates_grid = expand.grid(events1 = c(0, 1, 14), time1 = c(0.5, 120), events2 = c(0, 9), time2 = c(3, 77.5)),
  dat.hart1999 = with(dat.hart1999, data.frame(events1 = x1i, time1 = t1i, events2 = x2i, time2 = t2i)),
  dat.nielweise2008 = with(dat.nielweise2008, data.frame(events1 = x1i, time1 = t1i, events2 = x2i, time2 = t2i)),
  dat.hart1999_arm1 = with(dat.hart1999, data.frame(events = x1i, time = t1i)),
  score_grid = expand.grid(o_minus_e = c(-12.3, 0, 0.4), v = c(0.2, 7, 55)),
  proportion_grid = data.frame(events = c(0, 1, 3, 10, 12, 20), n = c(8, 1, 11, 10, 30, 400)),
  dat.pritz1997 = with(dat.pritz1997, data.frame(events = xi, n = ni)),
  dat.debruin2009 = with(dat.debruin2009, data.frame(events = xi, n = ni)),
  dat.molloy2014 = with(dat.molloy2014, data.frame(r = ri, n = ni)),
  dat.mcdaniel1994 = with(dat.mcdaniel1994, data.frame(r = ri, n = ni)),
  dat.cohen1981 = with(dat.cohen1981, data.frame(r = ri, n = ni))
)
data <- lapply(data, function(frame) frame[complete.cases(frame), , drop = FALSE])

case <- function(name, measure, vtype = "LS", add = NULL, to = NULL, drop00 = NULL) {
  x <- as.list(data[[name]])
  arguments <- if (all(c("a", "b", "c", "d") %in% names(x))) {
    list(ai = x$a, bi = x$b, ci = x$c, di = x$d)
  } else if ("time1" %in% names(x)) {
    list(x1i = x$events1, t1i = x$time1, x2i = x$events2, t2i = x$time2)
  } else if ("time" %in% names(x)) {
    list(xi = x$events, ti = x$time)
  } else if ("m" %in% names(x)) {
    list(mi = x$m, sdi = x$sd, ni = x$n)
  } else if ("events" %in% names(x)) {
    list(xi = x$events, ni = x$n)
  } else if ("n1" %in% names(x)) {
    setNames(x, paste0(names(x), "i"))
  } else if ("m1" %in% names(x)) {
    list(m1i = x$m1, sd1i = x$sd1, m2i = x$m2, sd2i = x$sd2, ni = x$n, ri = x$r)
  } else {
    list(ri = x$r, ni = x$n)
  }
  options <- Filter(Negate(is.null), list(add = add, to = to, drop00 = drop00))
  found <- suppressWarnings(do.call(escalc, c(list(measure = measure, vtype = vtype), arguments, options)))
  list(data = name, measure = measure, variance_form = vtype, options = options,
       # A study that drop00 leaves out has no variance either; escalc gives that of IRSD, which is made from times alone.
       effect = as.numeric(found$yi), variance = ifelse(is.na(found$yi), NA, as.numeric(found$vi)))
}

forms <- list(MD = c("LS", "UB", "HO"), SMD = c("LS", "LS2", "UB", "AV"), SMDH = "LS",
              ROM = c("LS", "HO", "AV", "AVHO"), MC = "LS", SMCC = c("LS", "LS2"), SMCR = c("LS", "LS2"),
              RR = "LS", OR = "LS", RD = c("LS", "UB", "AV"), AS = "LS", PETO = "LS",
              PR = c("LS", "UB", "AV"), PLN = c("LS", "AV"), PLO = c("LS", "AV"), PAS = "LS", PFT = "LS",
              COR = c("LS", "AV"), ZCOR = "LS", SMD1 = c("LS", "LS2", "UB", "AV"), SMD1H = "LS", VR = "LS", CVR = "LS",
              MN = "LS", MNLN = "LS", IR = "LS", IRLN = "LS", IRS = "LS", IRFT = "LS", IRR = "LS", IRD = "LS",
              IRSD = "LS")
tables <- c("RR", "OR", "RD", "AS", "PETO")
proportions <- c("PR", "PLN", "PLO", "PAS", "PFT")

cases <- list()
put <- function(...) cases[[length(cases) + 1]] <<- case(...)

for (measure in tables) for (form in forms[[measure]]) {
  for (name in c("dat.bcg", "dat.hine1989", "dat.li2007", "dat.yusuf1985", "dat.nielweise2007", "dat.axfors2021"))
    put(name, measure, form)
  for (name in c("zero_grid", "dat.nielweise2007"))
    for (to in c("only0", "all", "if0all", "none")) for (drop00 in c(FALSE, TRUE))
      put(name, measure, form, to = to, drop00 = drop00)
  put("zero_grid", measure, form, add = 0.1, to = "all")
  put("zero_grid", measure, form, add = 0.1, to = "only0")
}
for (measure in proportions) for (form in forms[[measure]]) {
  for (name in c("dat.pritz1997", "dat.debruin2009")) put(name, measure, form)
  for (to in c("only0", "all", "if0all", "none")) put("proportion_grid", measure, form, to = to)
  put("proportion_grid", measure, form, add = 0.1, to = "all")
}
for (measure in c("MD", "SMD", "SMDH")) for (form in forms[[measure]])
  for (name in c("group_grid", "dat.normand1999", "dat.gibson2002", "dat.dagostino1998")) put(name, measure, form)
for (form in forms$ROM) for (name in c("group_grid", "dat.curtis1998", "dat.normand1999")) put(name, "ROM", form)
for (measure in c("MC", "SMCC", "SMCR")) for (form in forms[[measure]]) put("paired_grid", measure, form)
for (measure in c("COR", "ZCOR")) for (form in forms[[measure]])
  for (name in c("dat.molloy2014", "dat.mcdaniel1994", "dat.cohen1981")) put(name, measure, form)
for (measure in c("SMD1", "SMD1H")) for (form in forms[[measure]])
  for (name in c("group_grid", "dat.normand1999", "dat.gibson2002", "dat.dagostino1998")) put(name, measure, form)
for (measure in c("VR", "CVR")) for (name in c("positive_grid", "dat.normand1999", "dat.curtis1998")) put(name, measure)
for (measure in c("MN", "MNLN")) put("mean_grid", measure)
for (measure in c("IR", "IRLN", "IRS", "IRFT")) {
  put("dat.hart1999_arm1", measure)
  for (to in c("only0", "all", "if0all", "none")) put("rate_grid", measure, to = to)
  put("rate_grid", measure, add = 0.1, to = "all")
}
for (measure in c("IRR", "IRD", "IRSD")) {
  for (name in c("dat.hart1999", "dat.nielweise2008")) put(name, measure)
  for (to in c("only0", "all", "if0all", "none")) for (drop00 in c(FALSE, TRUE))
    put("rates_grid", measure, to = to, drop00 = drop00)
}

# Measures that metafor 3.8 does not have, by their formulas.
by_formula <- function(name, measure, effect, variance)
  cases[[length(cases) + 1]] <<- list(data = name, measure = measure, variance_form = "LS",
                                      options = setNames(list(), character(0)), reference = "formula in R",
                                      effect = effect, variance = variance)
# SMCRP: Cousineau (2020), as in metafor 4.
p <- data$paired_second_grid
mi <- 2 * (p$n - 1) / (1 + p$r^2)
g <- exp(lgamma(mi / 2) - log(sqrt(mi / 2)) - lgamma((mi - 1) / 2)) * (p$m1 - p$m2) / sqrt((p$sd1^2 + p$sd2^2) / 2)
by_formula("paired_second_grid", "SMCRP", g, 2 * (1 - p$r) / p$n + g^2 * (1 + p$r^2) / (4 * p$n))
for (measure in c("HR", "OR", "RR", "PETO"))
  by_formula("score_grid", measure, data$score_grid$o_minus_e / data$score_grid$v, 1 / data$score_grid$v)

# Pretest, posttest and control group: the difference of two SMCR, and Morris (2008) d_ppc2 in pooled SDs of the pretests.
# The variances are those of the page on Morris (2008) of the metafor project, with the correlation of each group.
treated <- data.frame(pre = c(30.6, 23.5, 0.5, 53.4, 35.6), post = c(38.5, 26.8, 0.7, 75.9, 36.0), sd = c(15.0, 3.1, 0.1, 14.5, 4.7),
                      n = c(20, 50, 9, 10, 14), r = c(0.47, 0.64, 0.77, 0.89, 0.44))
control <- data.frame(pre = c(23.1, 24.9, 0.6, 55.7, 34.8), post = c(19.7, 25.3, 0.6, 60.7, 33.4), sd = c(13.8, 4.1, 0.2, 17.3, 3.1),
                      n = c(20, 42, 9, 11, 14), r = c(0.47, 0.64, 0.77, 0.89, 0.44))
smcr <- function(d) escalc("SMCR", m1i = post, m2i = pre, sd1i = sd, ni = n, ri = r, data = d)
one <- smcr(treated); two <- smcr(control)
j <- metafor:::.cmicalc
sd_pooled <- sqrt(((treated$n - 1) * treated$sd^2 + (control$n - 1) * control$sd^2) / (treated$n + control$n - 2))
pooled <- j(treated$n + control$n - 2) * ((treated$post - treated$pre) - (control$post - control$pre)) / sd_pooled
pre_post <- list(treated = as.list(treated), control = as.list(control),
                 separate = list(effect = as.numeric(one$yi - two$yi), variance = as.numeric(one$vi + two$vi)),
                 pooled = list(effect = pooled,
                               variance = 2 * (1 - treated$r) * (1 / treated$n + 1 / control$n) +
                                 pooled^2 / (2 * (treated$n + control$n))))

reference <- list(
  source = paste("metafor", packageVersion("metafor"), "escalc;", R.version.string),
  data = lapply(data, as.list),
  cases = cases,
  pre_post = pre_post
)
writeLines(toJSON(reference, digits = NA, auto_unbox = TRUE, na = "null"), "validation/effect_size.json")
