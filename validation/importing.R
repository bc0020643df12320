# Pooled results of a review in the files of RevMan: the two examples of Fleiss (1993), Stat Methods Med Res 2(2), 121-145.
library(metafor)
library(jsonlite)

aspirin <- data.frame(
  study = c("MRC-1", "CDP", "MRC-2", "GASP", "PARIS", "AMIS", "ISIS-2"),
  year = c(1974, 1976, 1979, 1979, 1980, 1980, 1988),
  ai = c(49, 44, 102, 32, 85, 246, 1570), n1i = c(615, 758, 832, 317, 810, 2267, 8587),
  ci = c(67, 64, 126, 38, 52, 219, 1720), n2i = c(624, 771, 850, 309, 406, 2257, 8600)
)
mental <- data.frame(
  study = c("Davis", "Florell", "Gruen", "Hart", "Wilson"),
  year = c(1973, 1971, 1975, 1975, 1977),
  m1i = c(5, 4.9, 22.5, 12.5, 6.5), sd1i = c(4.7, 1.71, 3.44, 1.47, 0.76), n1i = c(13, 30, 35, 20, 8),
  m2i = c(6.5, 6.1, 24.9, 12.3, 7.38), sd2i = c(3.8, 2.3, 10.65, 1.66, 1.41), n2i = c(13, 50, 35, 20, 8)
)
kept <- function(fit) {
  list(estimate = as.numeric(fit$beta), se = fit$se, ci_low = fit$ci.lb, ci_high = fit$ci.ub, q = fit$QE)
}
random <- function(measure, method) {
  kept(rma(ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = aspirin, measure = measure, method = method))
}
means <- function(measure, method) {
  kept(rma(m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i, data = mental,
           measure = measure, method = method, control = list(threshold = 1e-12, maxiter = 10000)))
}
result <- list(
  reference = paste("metafor", packageVersion("metafor")),
  data = list(aspirin = aspirin, mental = mental),
  results = list(
    aspirin_mh = kept(rma.mh(ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = aspirin, measure = "OR")),
    aspirin_or_ee = random("OR", "EE"), aspirin_or_dl = random("OR", "DL"), aspirin_rr_dl = random("RR", "DL"),
    aspirin_rd_dl = random("RD", "DL"),
    mental_md_ee = means("MD", "EE"), mental_md_dl = means("MD", "DL"), mental_smd_reml = means("SMD", "REML")
  ),
  # What RevMan 5.0.23 itself wrote for the two: odds ratio (Mantel-Haenszel) and mean difference, fixed effect.
  revman = list(
    aspirin_mh = list(estimate = 0.8968655609130709, ci_low = 0.8405144008917793, ci_high = 0.9569947088336491),
    mental_md_ee = list(estimate = -0.70938839, ci_low = -1.25848502, ci_high = -0.16029176)
  )
)
write(toJSON(result, digits = NA, auto_unbox = TRUE, dataframe = "columns"), "validation/importing.json")
