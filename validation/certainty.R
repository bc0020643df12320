# Reference values for absolute effects and the optimal information size, from base R and metafor.
# Usage: Rscript validation/certainty.R     writes validation/certainty.json

suppressPackageStartupMessages({library(metafor); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

# Share of patients who improve (Furukawa and Leucht 2011; log odds by pi/sqrt(3) and by 1.65).
grid <- expand.grid(d = c(-0.8, -0.2, 0, 0.2, 0.5, 1.2), p = c(0.05, 0.2, 0.5, 0.9))
improved <- with(grid, data.frame(
  d = d, p = p,
  normal = pnorm(d + qnorm(p)),
  logistic = plogis(qlogis(p) + pi / sqrt(3) * d),
  Cox = plogis(qlogis(p) + 1.65 * d)
))

# Probability that a new trial's effect lies above a threshold, under the distribution of the prediction interval.
dat <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
fit <- rma(yi, vi, data = dat, method = "REML", test = "knha", control = list(threshold = 1e-12, maxiter = 10000))
thresholds <- c(-1.5, -0.7, 0, 0.4)
spread <- sqrt(fit$tau2 + fit$se^2)
beyond <- data.frame(
  threshold = thresholds,
  V = pt((as.numeric(fit$beta) - thresholds) / spread, df = fit$k - 1),
  HTS = pt((as.numeric(fit$beta) - thresholds) / spread, df = fit$k - 2),
  z = pnorm((as.numeric(fit$beta) - thresholds) / spread)
)

# Patients of one two-arm trial with normal approximation and unpooled variances.
z2 <- (qnorm(0.975) + qnorm(0.8))^2
size_means <- data.frame(sd = c(1, 1, 22), mid = c(0.3, 0.5, 10))
size_means$n <- with(size_means, 4 * z2 * (sd / mid)^2)
size_risks <- data.frame(p0 = c(0.1, 0.4, 0.6), ratio = c(1.25, 1.25, 1.5))
size_risks$p1 <- with(size_risks, p0 / ratio)
size_risks$n <- with(size_risks, 2 * z2 * (p0 * (1 - p0) + p1 * (1 - p1)) / (p0 - p1)^2)

out <- list(
  improved = improved,
  bcg = list(yi = as.numeric(dat$yi), vi = as.numeric(dat$vi)),
  beyond = beyond,
  size_means = size_means,
  size_risks = size_risks
)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(folder, "certainty.json"))
