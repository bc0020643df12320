# Reference values for combined P values (metap), the sign test and Wilson's interval (base R).
# Usage: Rscript validation/without_effects.R     writes validation/without_effects.json

suppressWarnings(suppressPackageStartupMessages({library(metap); library(jsonlite)}))

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

sets <- list(
  mixed = list(p = c(0.01, 0.2, 0.3, 0.04, 0.6), direction = c(1, 1, -1, 1, 1), weight = c(1, 2, 3, 4, 5)),
  small = list(p = c(1e-8, 1e-4, 0.5), direction = c(-1, -1, 1), weight = sqrt(c(20, 400, 80))),
  null = list(p = c(0.9, 0.7, 0.55, 0.4, 0.95, 0.2), direction = c(1, -1, 1, -1, -1, 1), weight = c(3, 1, 4, 1, 5, 9)),
  two = list(p = c(0.03, 0.06), direction = c(1, 1), weight = c(1, 1))
)
cases <- lapply(names(sets), function(name) {
  one <- sets[[name]]
  sided <- function(side) ifelse(one$direction == side, one$p / 2, 1 - one$p / 2)
  list(data = name, p = one$p, direction = one$direction, weight = one$weight,
       fisher = sumlog(one$p)$p, fisher_chisq = sumlog(one$p)$chisq,
       stouffer = c(sumz(one$p)$p), stouffer_weighted = c(sumz(one$p, weights = one$weight)$p),
       stouffer_z = c(sumz(one$p, weights = one$weight)$z),
       fisher_positive = sumlog(sided(1))$p, fisher_negative = sumlog(sided(-1))$p,
       stouffer_positive = c(sumz(sided(1), weights = one$weight)$p),
       stouffer_negative = c(sumz(sided(-1), weights = one$weight)$p))
})
signs <- lapply(list(c(3, 1), c(10, 0), c(7, 8), c(40, 22)), function(n) {
  list(positive = n[1], negative = n[2], p = binom.test(n[1], sum(n))$p.value,
       wilson = as.numeric(prop.test(n[1], sum(n), correct = FALSE)$conf.int))
})
out <- list(source = paste("metap", packageVersion("metap"), "and base R", getRversion()), cases = cases, signs = signs)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE), file.path(folder, "without_effects.json"))
cat(length(cases) + length(signs), "cases\n")
