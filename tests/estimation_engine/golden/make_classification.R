# Writes classification.json: figures of a flag against a truth by R's package survey.
# Run: Rscript make_classification.R > classification.json
# A school is bad if its score of 2000 is below 620, and flagged if that of 1999 is below 600.
suppressMessages(library(survey))
data(api)
with_cells <- function(x) {
  x$bad <- as.numeric(x$api00 < 620)
  x$flagged <- as.numeric(x$api99 < 600)
  x$hit <- x$bad * x$flagged
  x$missed <- x$bad * (1 - x$flagged)
  x$right <- (1 - x$bad) * (1 - x$flagged)
  x$good <- 1 - x$bad
  x$agrees <- x$hit + x$right
  x$twice <- 2 * x$hit
  x$both <- x$bad + x$flagged
  x$rest <- 1 - x$flagged
  x$missed_stu <- x$missed * x$api.stu
  x
}
number <- function(x) sprintf("%.17g", x)
value <- function(x, at = 1) {
  sprintf("[%s, %s]", number(as.numeric(coef(x)[at])), number(as.numeric(SE(x)[at])))
}
figures <- function(design) {
  found <- list(
    prevalence = value(svymean(~bad, design)),
    precision = value(svyratio(~hit, ~flagged, design)),
    recall = value(svyratio(~hit, ~bad, design)),
    f1 = value(svyratio(~twice, ~both, design)),
    specificity = value(svyratio(~right, ~good, design)),
    accuracy = value(svymean(~agrees, design)),
    elusion = value(svyratio(~missed, ~rest, design)),
    missed_rows = value(svytotal(~missed, design)),
    missed_amount = value(svytotal(~missed_stu, design)))
  lines <- sapply(names(found), function(name) sprintf('"%s": %s', name, found[[name]]))
  paste0("{", paste(lines, collapse = ", "), "}")
}
apistrat$w <- apistrat$fpc / ave(apistrat$api00, apistrat$stype, FUN = length)
strat <- svydesign(id = ~1, strata = ~stype, weights = ~w, data = with_cells(apistrat), fpc = ~fpc)
srs <- svydesign(id = ~1, weights = ~pw, data = with_cells(apisrs), fpc = ~fpc)
apiclus1$w <- 757 / 15
clus1 <- svydesign(id = ~dnum, weights = ~w, data = with_cells(apiclus1), fpc = ~fpc)
# Some known numbers of flagged schools; any will do.
known <- function(design) {
  postStratify(design, ~flagged, data.frame(flagged = c(0, 1), Freq = c(3694, 2500)))
}
by_wide <- function(design, wide) figures(subset(design, sch.wide == wide))
found <- list(
  srs_sample = figures(srs), srs_known = figures(known(srs)),
  strat_sample = figures(strat), strat_known = figures(known(strat)),
  clus1_sample = figures(clus1), clus1_known = figures(known(clus1)),
  strat_wide_sample = by_wide(strat, "Yes"), strat_narrow_sample = by_wide(strat, "No"))
groups <- postStratify(strat, ~sch.wide + flagged, data.frame(
  sch.wide = c("No", "No", "Yes", "Yes"), flagged = c(0, 1, 0, 1), Freq = c(600, 500, 3094, 2000)))
found$strat_wide_known <- by_wide(groups, "Yes")
found$strat_narrow_known <- by_wide(groups, "No")
columns <- function(x) {
  one <- function(name, values) sprintf('"%s": [%s]', name, paste(values, collapse = ", "))
  paste0("{", paste(one("bad", x$bad), one("flagged", x$flagged), one("stu", x$api.stu),
    one("wide", as.numeric(x$sch.wide == "Yes")), sep = ", "), "}")
}
found$srs <- columns(srs$variables)
found$strat <- columns(strat$variables)
found$clus1 <- columns(clus1$variables)
lines <- sapply(names(found), function(name) sprintf('"%s": %s', name, found[[name]]))
cat("{\n", paste(lines, collapse = ",\n"), "\n}\n", sep = "")
