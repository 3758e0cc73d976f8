# Writes contrasts.json: contrasts of R's package survey, of the samples of survey.json.
# Run: Rscript make_contrasts.R > contrasts.json
suppressMessages(library(survey))
data(api)
number <- function(x) sprintf("%.17g", x)
contrast <- function(x) {
  sprintf('{"value": %s, "error": %s}', number(as.numeric(coef(x))), number(as.numeric(SE(x))))
}
apistrat$last <- ifelse(apistrat$api99 > 630, "high", "low")
apistrat$good <- as.numeric(apistrat$api00 > 700)
apistrat$w <- apistrat$fpc / ave(apistrat$api00, apistrat$stype, FUN = length)
strat <- svydesign(id = ~1, strata = ~stype, weights = ~w, data = apistrat, fpc = ~fpc)
apiclus1$w <- 757 / 15
apiclus1$good <- as.numeric(apiclus1$api00 > 650)
clus1 <- svydesign(id = ~dnum, weights = ~w, data = apiclus1, fpc = ~fpc)
known <- c(`(Intercept)` = 6194, enroll = 3811472, api.stu = 3186000)
strat_regression <- calibrate(strat, ~enroll + api.stu, known, epsilon = 1e-12)
# svyby has no covariances of svyratio and of calibrated means: these are contrasts of four totals.
strat_parts <- update(strat,
  high_stu = api.stu * (last == "high"), high_enroll = enroll * (last == "high"),
  low_stu = api.stu * (last == "low"), low_enroll = enroll * (last == "low"))
ratios <- svytotal(~high_stu + high_enroll + low_stu + low_enroll, strat_parts)
calibrated_parts <- update(strat_regression,
  high_api = api00 * (last == "high"), high_rows = as.numeric(last == "high"),
  low_api = api00 * (last == "low"), low_rows = as.numeric(last == "low"))
means <- svytotal(~high_api + high_rows + low_api + low_rows, calibrated_parts)

pair <- function(x, first, second) {
  difference <- setNames(c(1, -1), c(first, second))
  ratio <- as.call(list(as.name("/"), as.name(first), as.name(second)))
  c(contrast(svycontrast(x, difference)), contrast(svycontrast(x, ratio)))
}
found <- list(
  strat_mean = pair(svyby(~api00, ~last, strat, svymean, covmat = TRUE), "high", "low"),
  strat_strata = pair(svyby(~api00, ~stype, strat, svymean, covmat = TRUE), "H", "M"),
  strat_total = pair(svyby(~enroll, ~last, strat, svytotal, covmat = TRUE), "high", "low"),
  strat_share = pair(svyby(~good, ~last, strat, svymean, covmat = TRUE), "high", "low"),
  strat_ratio = c(
    contrast(svycontrast(ratios, quote(high_stu / high_enroll - low_stu / low_enroll))),
    contrast(svycontrast(ratios, quote((high_stu / high_enroll) / (low_stu / low_enroll))))),
  strat_columns = pair(svymean(~api00 + api99, strat), "api00", "api99"),
  strat_totals = pair(svytotal(~api.stu + enroll, strat), "api.stu", "enroll"),
  strat_calibrated = c(
    contrast(svycontrast(means, quote(high_api / high_rows - low_api / low_rows))),
    contrast(svycontrast(means, quote((high_api / high_rows) / (low_api / low_rows))))),
  clus1_mean = pair(svyby(~api00, ~sch.wide, clus1, svymean, covmat = TRUE), "Yes", "No"),
  clus1_total = pair(svyby(~enroll, ~sch.wide, clus1, svytotal, covmat = TRUE), "Yes", "No"),
  clus1_share = pair(svyby(~good, ~sch.wide, clus1, svymean, covmat = TRUE), "Yes", "No")
)
lines <- sapply(names(found), function(name) {
  sprintf('"%s": {"difference": %s, "ratio": %s}', name, found[[name]][1], found[[name]][2])
})
cat("{\n", paste(lines, collapse = ",\n"), "\n}\n", sep = "")
