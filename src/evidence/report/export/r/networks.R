# Contrasts of each study with its first arm, and their covariance, which follows from the variances of all pairs.
arrange <- function(d) {
  treatments <- sort(unique(c(d$treat1, d$treat2)), method = "radix")
  blocks <- lapply(unique(d$study), function(name) {
    rows <- d[d$study == name, ]
    arms <- sort(unique(c(rows$treat1, rows$treat2)), method = "radix"); a <- length(arms)
    variance <- effect <- matrix(0, a, a, dimnames = list(arms, arms))
    for (i in seq_len(nrow(rows))) {
      one <- rows$treat1[i]; other <- rows$treat2[i]
      variance[one, other] <- variance[other, one] <- rows$se[i]^2
      effect[one, other] <- rows$effect[i]; effect[other, one] <- -rows$effect[i]
    }
    rest <- 2:a
    covariance <- (outer(variance[rest, 1], variance[rest, 1], "+") - variance[rest, rest, drop = FALSE]) / 2
    design <- matrix(0, a - 1, length(treatments), dimnames = list(NULL, treatments))
    for (j in rest) { design[j - 1, arms[j]] <- 1; design[j - 1, arms[1]] <- -1 }
    list(study = rep(name, a - 1), y = effect[rest, 1], V = covariance, X = design,
         S = (diag(a - 1) + 1) / 2) # contrasts that share an arm share half of the variance between studies
  })
  list(y = unlist(lapply(blocks, `[[`, "y")), study = unlist(lapply(blocks, `[[`, "study")),
       V = bldiag(lapply(blocks, `[[`, "V")), S = bldiag(lapply(blocks, `[[`, "S")),
       X = do.call(rbind, lapply(blocks, `[[`, "X")), treatments = treatments)
}

# Restricted log-likelihood of the variance between studies, up to a constant, in R's own terms.
restricted <- function(tau2, a, X) {
  W <- solve(a$V + tau2 * a$S); XWX <- t(X) %*% W %*% X
  r <- a$y - X %*% solve(XWX, t(X) %*% W %*% a$y)
  -0.5 * c(-determinant(W)$modulus + determinant(XWX)$modulus + t(r) %*% W %*% r)
}

# Its highest point: metafor climbs from several places, and the best of them is walked to the last digit, where the
# slope of the likelihood is zero.
highest <- function(a, X, fit) {
  spread <- max(diag(a$V), var(a$y))
  climbed <- lapply(c(0.01, 0.3, 3) * spread, function(start)
    tryCatch(fit(tau2.init = start), error = function(e) NULL))
  climbed <- vapply(Filter(Negate(is.null), climbed), function(one) one$tau2, 0)
  peaks <- c(0, climbed)
  best <- peaks[which.max(vapply(peaks, function(one) restricted(one, a, X), 0))]
  slope <- function(tau2) {
    W <- solve(a$V + tau2 * a$S)
    P <- W - W %*% X %*% solve(t(X) %*% W %*% X, t(X) %*% W)
    c(t(a$y) %*% P %*% a$S %*% P %*% a$y) - sum(diag(P %*% a$S))
  }
  low <- best / 1.5; high <- best * 1.5 + 1e-9 * spread
  if (slope(low) <= 0) low <- 0
  if (slope(low) <= 0) return(0)
  if (slope(high) >= 0) return(best)
  uniroot(slope, c(low, high), tol = 1e-14 * spread, maxiter = 10000)$root
}

# Fits one network: the treatments against `reference`, with one variance between studies for all comparisons.
network <- function(id, file, reference, method = "REML", level = 0.95, prediction = "V") {
  d <- read_table(file)
  a <- arrange(d)
  others <- setdiff(a$treatments, reference)
  X <- a$X[, others, drop = FALSE]
  data <- data.frame(row = factor(seq_along(a$y)), study = a$study)
  fit <- function(tau2 = NULL, tau2.init = NULL) {
    rma.mv(a$y, a$V, mods = X, intercept = FALSE, random = ~ row | study, struct = "CS", rho = 0.5, tau2 = tau2,
           data = data, method = "REML", level = 100 * level, sparse = FALSE,
           control = c(list(optimizer = "BFGS", reltol = 1e-16, maxit = 10000), if (length(tau2.init)) list(tau2.init = tau2.init)))
  }
  alone <- fit(tau2 = 0)
  q <- c(alone$QE); df <- length(a$y) - length(others)
  W <- solve(a$V); P <- W - W %*% X %*% solve(t(X) %*% W %*% X, t(X) %*% W)
  tau2 <- if (method == "EE" || df == 0) 0 else if (method == "DL") max(0, (q - df) / sum(diag(P %*% a$S)))
          else highest(a, X, fit)
  model <- fit(tau2 = tau2)
  fits[[id]] <<- model
  free <- switch(prediction, V = df, HTS = df - 1, z = Inf)
  reach <- if (method == "EE" || df == 0 || free < 1) NA_real_ else qt(0.5 + level / 2, free)
  z <- qnorm(0.5 + level / 2)
  for (i in seq_along(others)) {
    estimate <- c(model$beta)[i]; se <- model$se[i]; wide <- reach * sqrt(tau2 + se^2)
    results[[paste(id, i)]] <<- list(
      network = id, treatment = others[i], estimate = estimate, se = se, ci_low = estimate - z * se,
      ci_high = estimate + z * se, prediction_low = estimate - wide, prediction_high = estimate + wide, tau2 = tau2,
      i2 = if (df > 0) max(0, 100 * (1 - df / q)) else NA_real_, q = q)
  }
  if (requireNamespace("netmeta", quietly = TRUE)) beside_netmeta(id, d, reference, method, level)
  invisible(model)
}

# The same by netmeta, where it is installed: how far its estimates are from those of metafor.
beside_netmeta <- function(id, d, reference, method, level) {
  net <- tryCatch(suppressWarnings(netmeta::netmeta(
    effect, se, treat1, treat2, study, data = d, reference.group = reference, level = level,
    method.tau = if (method == "EE") "DL" else method)), error = function(e) e)
  if (inherits(net, "error")) return(cat(id, ": netmeta says ", conditionMessage(net), "\n", sep = ""))
  table <- if (method != "EE") net$TE.random else if (is.null(net$TE.common)) net$TE.fixed else net$TE.common
  mine <- Filter(function(row) row$network == id, results)
  away <- vapply(mine, function(row) abs(table[row$treatment, reference] - row$estimate), 0)
  cat(sprintf("%s: netmeta and metafor differ by at most %.2g\n", id, max(away)))
}
