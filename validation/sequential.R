# Reference values for monitoring boundaries: multivariate normal probabilities of mvtnorm.
# Usage: Rscript validation/sequential.R     writes validation/sequential.json
#
# The score of a Brownian motion is looked at at the fractions t, so that Z has the correlations sqrt(t_i / t_j). A
# boundary is the root at which the probability to cross it first at that look equals the error spent there.

suppressPackageStartupMessages({library(mvtnorm); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

spent <- function(t, total) 2 - 2 * pnorm(qnorm(1 - total / 2) / sqrt(pmin(t, 1)))
correlations <- function(t) outer(t, t, function(a, b) sqrt(pmin(a, b) / pmax(a, b)))
rule <- Miwa(steps = 4096)

# Probability to be within the limits at every look; one look is exact.
probability <- function(lower, upper, mean, t) {
  if (length(t) == 1) return(pnorm(upper - mean) - pnorm(lower - mean))
  # Miwa's rule warns that it puts 1000 for infinite limits.
  suppressWarnings(as.numeric(pmvnorm(lower, upper, mean = mean, corr = correlations(t), algorithm = rule)))
}

efficacy <- function(t, alpha) {
  spend <- diff(c(0, spent(t, alpha / 2)))
  bound <- qnorm(spend[1], lower.tail = FALSE)
  for (k in seq_along(t)[-1]) {
    crossing <- function(z) probability(c(-bound, z), c(bound, Inf), rep(0, k), t[1:k]) - spend[k]
    bound <- c(bound, uniroot(crossing, c(0.5, 8), tol = 1e-12)$root)
  }
  bound
}

futility <- function(t, upper, drift, beta) {
  spend <- diff(c(0, spent(t, beta)))
  mean <- drift * sqrt(t)
  bound <- qnorm(spend[1]) + mean[1]
  for (k in seq_along(t)[-1]) {
    if (t[k] >= 1) { bound <- c(bound, upper[k]); next }
    crossing <- function(z) probability(c(bound, -Inf), c(upper[seq_len(k - 1)], z), mean[1:k], t[1:k]) - spend[k]
    bound <- c(bound, uniroot(crossing, c(-8, upper[k]), tol = 1e-12)$root)
  }
  bound
}

looks <- list(three_equal = (1:3) / 3, four_equal = (1:4) / 4, five_equal = (1:5) / 5,
              unequal = c(0.2, 0.35, 0.41, 0.8, 1), not_complete = c(0.3, 0.55, 0.7), beyond = c(0.4, 0.9, 1.3))
cases <- list()
for (name in names(looks)) for (alpha in c(0.05, 0.1, 0.02)) for (power in c(0.8, 0.9)) {
  t <- looks[[name]]
  drift <- qnorm(1 - alpha / 2) + qnorm(power)
  upper <- efficacy(t, alpha)
  cases[[length(cases) + 1]] <- list(data = name, fraction = t, alpha = alpha, power = power, drift = drift,
                                     spent = spent(t, alpha / 2), efficacy = upper,
                                     futility = futility(t, upper, drift, 1 - power))
}
out <- list(source = paste("mvtnorm", packageVersion("mvtnorm")), cases = cases)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE), file.path(folder, "sequential.json"))
cat(length(cases), "cases\n")
