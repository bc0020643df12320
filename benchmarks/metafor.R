# Times metafor for bench.py. Reads lines such as "fit 10 3" (what, number of studies, how many times) and answers with
# the CPU seconds of one call. The first answer is the version.
suppressPackageStartupMessages(library(metafor))
set.seed(1)
draws <- function(k) {
  vi <- 10^runif(k, -2, -0.5)
  list(yi = rnorm(k, 0.2, sqrt(vi + 0.05)), vi = vi, x = seq_len(k))
}
call_of <- function(what, k) {
  d <- draws(k)
  fit <- rma(yi, vi, data = d, method = "REML", test = "knha")
  switch(what,
    fit = function() rma(d$yi, d$vi, method = "REML", test = "knha"),
    gosh = function() gosh(fit, subsets = 200, progbar = FALSE),
    leave1out = function() leave1out(fit),
    permutest = {
      slope <- rma(yi, vi, mods = ~ x, data = d, method = "REML", test = "knha")
      function() permutest(slope, iter = 100, progbar = FALSE)
    },
    cell = function() for (method in c("REML", "DL")) for (test in c("knha", "z")) rma(d$yi, d$vi, method = method, test = test)
  )
}
calls <- list()
input <- file("stdin", open = "r")
cat(as.character(packageVersion("metafor")), "\n")
while (length(line <- readLines(input, n = 1)) > 0) {
  part <- strsplit(line, " ")[[1]]
  key <- paste(part[1], part[2])
  if (is.null(calls[[key]])) calls[[key]] <- call_of(part[1], as.integer(part[2]))
  times <- as.integer(part[3])
  run <- calls[[key]]
  start <- proc.time()
  for (i in seq_len(times)) suppressWarnings(run())
  spent <- proc.time() - start
  cat(sprintf("%.6g\n", (spent[["user.self"]] + spent[["sys.self"]]) / times))
}
