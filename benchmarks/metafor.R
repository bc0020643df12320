# Times metafor for bench.py. Reads "yi", "vi" (two lines of numbers), then, for each further line with a number n,
# fits the model n times and answers with the CPU seconds of one fit. The first answer holds the estimates.
suppressPackageStartupMessages(library(metafor))
input <- file("stdin", open = "r")
numbers <- function(line) as.numeric(strsplit(line, " ")[[1]])
yi <- numbers(readLines(input, n = 1))
vi <- numbers(readLines(input, n = 1))
fit <- rma(yi, vi, method = "REML", test = "knha")
cat(as.character(packageVersion("metafor")), sprintf("%.12g", c(fit$beta, fit$tau2)), "\n")
while (length(line <- readLines(input, n = 1)) > 0) {
  n <- as.integer(line)
  start <- proc.time()
  for (i in seq_len(n)) rma(yi, vi, method = "REML", test = "knha")
  spent <- proc.time() - start
  cat(sprintf("%.6g\n", (spent[["user.self"]] + spent[["sys.self"]]) / n))
}
