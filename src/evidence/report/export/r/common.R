suppressPackageStartupMessages(library(metafor))

script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
folder <- if (length(script)) dirname(gsub("~+~", " ", script[1], fixed = TRUE)) else "."
fits <- list()    # what metafor gave, by id
results <- list() # its rows of the table that is written

# Texts stay texts, so that a trial that is called 007 is not trial 7; empty cells are missing.
read_table <- function(file) {
  d <- read.csv(file.path(folder, file), encoding = "UTF-8", na.strings = "", check.names = FALSE,
                colClasses = "character")
  numbers <- intersect(names(d), c("yi", "vi", "ai", "n1i", "ci", "n2i", "effect", "k", "trials", "estimate", "se",
                                   "ci_low", "ci_high", "p_value", "prediction_low", "prediction_high", "tau2", "i2",
                                   "q", "q_p"))
  d[numbers] <- lapply(d[numbers], as.numeric)
  d
}

# Writes a list of rows as CSV in UTF-8 with all digits, whatever the language of the system is.
save_table <- function(rows, file) {
  cell <- function(x) {
    if (is.na(x)) "" else if (is.numeric(x)) sprintf("%.17g", x)
    else paste0("\"", gsub("\"", "\"\"", enc2utf8(x), fixed = TRUE), "\"")
  }
  lines <- vapply(rows, function(row) paste(vapply(row, cell, ""), collapse = ","), "")
  out <- file(file.path(folder, file), "wb")
  writeLines(c(paste(names(rows[[1]]), collapse = ","), lines), out, useBytes = TRUE)
  close(out)
}

# Writes what was found, and says how far it is from what the report shows.
finish <- function(file, shown) {
  if (!length(results)) return(invisible(NULL))
  save_table(results, file)
  expected <- read_table(shown)
  found <- read_table(file)
  numbers <- setdiff(names(expected), c("analysis", "status", "network", "treatment"))
  away <- abs(as.matrix(expected[numbers]) - as.matrix(found[numbers])) / pmax(1, abs(as.matrix(expected[numbers])))
  same <- all(is.na(expected[numbers]) == is.na(found[numbers]))
  cat(sprintf("%d rows in %s; largest difference from %s: %.2g%s\n", nrow(found), file, shown, max(0, away, na.rm = TRUE),
              if (same) "" else "; some numbers are in one of them only"))
}
