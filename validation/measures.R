# Reference values for the natural scale of effect measures: metafor's back-transformations.
# Usage: Rscript validation/measures.R     writes validation/measures.json
# Needs the packages metafor, jsonlite.

suppressPackageStartupMessages({library(metafor); library(jsonlite)})

path <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- if (length(path)) dirname(path) else "validation"

x <- c(-1.5, -0.2, 0, 0.1, 0.3, 0.7854, 1.2, 1.5)
size <- c(10, 20, 30, 25, 8, 30, 25, 8)
events <- c(0, 1, 5, 10, 16, 20)
write_json(list(
  value = x, size = size,
  PLO = transf.ilogit(x), ZCOR = transf.ztor(x), RR = exp(x), PAS = transf.iarcsin(x),
  PFT = mapply(transf.ipft, x, size), IRS = transf.isqrt(x), IRFT = mapply(transf.iirft, x, size),
  events = events, PFT_of_events = as.numeric(escalc("PFT", xi = events, ni = rep(20, 6))$yi),
  IRFT_of_events = as.numeric(escalc("IRFT", xi = events, ti = rep(20, 6))$yi)
), file.path(folder, "measures.json"), digits = NA, pretty = TRUE)
