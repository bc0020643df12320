# Reference values for the reviews in examples/, by metafor, from the CSV files that they were imported from.
suppressMessages({library(metafor); library(jsonlite)})
here <- function(...) file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), ...)
example <- function(...) read.csv(here("..", "examples", ...))
ends <- function(fit) list(estimate = c(coef(fit)), ci_low = c(fit$ci.lb), ci_high = c(fit$ci.ub))

bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = example("bcg-vaccine", "bcg.csv"))
mean <- rma(yi, vi, data = bcg, test = "knha", control = list(threshold = 1e-12, maxiter = 1000))
latitude <- rma(yi, vi, mods = ~ablat, data = bcg, test = "knha", control = list(threshold = 1e-12, maxiter = 1000))

# Studies without an event have no ratio of their own; metafor says so.
rosi <- example("rosiglitazone", "rosiglitazone.csv")
peto <- suppressWarnings(rma.peto(ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = rosi))
mh <- suppressWarnings(rma.mh(ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = rosi, measure = "OR", add = 0, to = "none", drop00 = FALSE))
# As RevMan: a half in the cells of studies with a zero, and none of the studies without an event.
revman <- suppressWarnings(rma.mh(ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = rosi, subset = ai + ci > 0, measure = "OR",
                                  add = c(0.5, 0.5), to = c("only0", "only0")))

# A network as a multivariate model of the contrasts, those of one trial correlated (Salanti et al. 2008).
smoking <- example("smoking-cessation", "smoking.csv")
arms <- c("no contact", "self-help", "individual counselling", "group counselling")
smoking$study <- paste(smoking$author, smoking$year)
rows <- NULL
V <- list()
for (study in unique(smoking$study)) {
  s <- smoking[smoking$study == study, ]
  s <- s[order(match(s$arm, arms)), ]
  zero <- any(s$events == 0 | s$events == s$n) / 2
  odds <- log((s$events + zero) / (s$n - s$events + zero))
  v <- 1 / (s$events + zero) + 1 / (s$n - s$events + zero)
  k <- nrow(s) - 1
  X <- matrix(0, k, 4, dimnames = list(NULL, arms))
  X[cbind(seq_len(k), match(s$arm[-1], arms))] <- 1
  X[, s$arm[1]] <- X[, s$arm[1]] - 1
  rows <- rbind(rows, data.frame(study = study, arm = s$arm[-1], yi = odds[-1] - odds[1], X, check.names = FALSE))
  V[[study]] <- diag(v[-1], k) + v[1]
}
net <- rma.mv(yi, bldiag(V), mods = as.matrix(rows[arms[-1]]), intercept = FALSE, random = ~ arm | study, rho = 0.5, data = rows,
              method = "REML", control = list(rel.tol = 1e-10))

pritz <- example("vasospasm-therapy", "pritz.csv")
logit <- rma(measure = "PLO", xi = events, ni = n, data = pritz, test = "knha", control = list(threshold = 1e-12, maxiter = 1000))

write_json(
  list(
    bcg = c(ends(mean), list(tau2 = mean$tau2)),
    latitude = c(ends(latitude), list(tau2 = latitude$tau2)),
    peto = ends(peto),
    mantel_haenszel = ends(mh),
    mantel_haenszel_revman = list(estimate = c(coef(revman))),
    network = c(ends(net), list(arms = arms[-1], tau2 = net$tau2)),
    logit = c(ends(logit), list(tau2 = logit$tau2))
  ),
  here("examples.json"), auto_unbox = TRUE, digits = NA, pretty = TRUE
)
