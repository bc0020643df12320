# Network models fitted by metafor, with the full covariance of the contrasts of multi-arm studies.
# Inputs are those of ../netmeta.json. Run in this folder: Rscript models.R
suppressMessages({library(metafor); library(jsonlite)})

source_file <- fromJSON("../netmeta.json", simplifyVector = FALSE)
tight <- list(optimizer = "BFGS", reltol = 1e-16, maxit = 10000)

vec <- function(x) unlist(x)

# Contrasts of each study against its first arm, with their covariance.
arrange <- function(input) {
  study <- as.character(vec(input$study)); t1 <- vec(input$treat1); t2 <- vec(input$treat2)
  y <- vec(input$effect); v <- vec(input$se)^2
  treatments <- sort(unique(c(t1, t2)))
  blocks <- lapply(unique(study), function(s) {
    rows <- which(study == s)
    arms <- sort(unique(c(t1[rows], t2[rows]))); a <- length(arms)
    V <- Y <- matrix(0, a, a, dimnames = list(arms, arms))
    for (r in rows) {
      V[t1[r], t2[r]] <- V[t2[r], t1[r]] <- v[r]
      Y[t1[r], t2[r]] <- y[r]; Y[t2[r], t1[r]] <- -y[r]
    }
    others <- 2:a
    S <- (outer(V[others, 1], V[others, 1], "+") - V[others, others, drop = FALSE]) / 2
    X <- matrix(0, a - 1, length(treatments), dimnames = list(NULL, treatments))
    for (j in others) { X[j - 1, arms[j]] <- 1; X[j - 1, arms[1]] <- -1 }
    list(study = rep(s, a - 1), y = Y[others, 1], S = S, X = X)
  })
  X <- do.call(rbind, lapply(blocks, `[[`, "X"))
  list(study = unlist(lapply(blocks, `[[`, "study")), y = unlist(lapply(blocks, `[[`, "y")),
       V = bldiag(lapply(blocks, `[[`, "S")), X = X, treatments = treatments)
}

fit <- function(d, X) {
  d$row <- seq_along(d$y)
  rma.mv(d$y, d$V, mods = X, intercept = FALSE, random = ~ row | study, struct = "CS", rho = 0.5,
         data = data.frame(row = factor(d$row), study = d$study), method = "REML", control = tight, sparse = FALSE)
}

answer <- function(m) list(tau2 = m$tau2, estimate = as.vector(m$b), se = as.vector(m$se), q = m$QE,
                           log_likelihood = as.numeric(logLik(m)))

cases <- Filter(function(case) case$analysis == "network" && case$method_tau == "REML", source_file$cases)
out <- lapply(cases, function(case) {
  d <- arrange(case$input)
  ref <- case$reference
  others <- setdiff(d$treatments, ref)
  X <- d$X[, others]
  # a covariate made up from the order of the studies
  z <- (match(d$study, unique(d$study)) - 1) %% 4
  common <- cbind(X, slope = -d$X[, ref] * z)
  list(dataset = case$dataset, reference = ref, treatments = others, studies = unique(d$study),
       covariate = (seq_along(unique(d$study)) - 1) %% 4,
       network = answer(fit(d, X)), regression_common = answer(fit(d, common)))
})

write(toJSON(list(made_with = list(R = R.version.string, metafor = as.character(packageVersion("metafor"))),
                  cases = out), digits = NA, auto_unbox = TRUE, pretty = TRUE), "models.json")
