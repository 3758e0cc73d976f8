# Writes calibration.json: calibrated estimates of R's package survey, of the samples of survey.json.
# Run: Rscript make_calibration.R > calibration.json
suppressMessages(library(survey))
data(api)
number <- function(x) sprintf("%.15g", x)
estimate <- function(x) {
  values <- paste(number(as.numeric(coef(x))), collapse = ", ")
  errors <- paste(number(as.numeric(SE(x))), collapse = ", ")
  sprintf('{"values": [%s], "errors": [%s]}', values, errors)
}
known <- c(`(Intercept)` = 6194, enroll = 3811472, api.stu = 3186000)

strat <- svydesign(id = ~1, strata = ~stype, weights = ~pw, data = apistrat, fpc = ~fpc)
strat_regression <- calibrate(strat, ~enroll + api.stu, known, epsilon = 1e-12)
# The weights of the design, 757/15, and not those of the data.
apiclus1$w <- 757 / 15
clus1 <- svydesign(id = ~dnum, weights = ~w, data = apiclus1, fpc = ~fpc)
clus1_regression <- calibrate(clus1, ~enroll + api.stu, known, epsilon = 1e-12)
margins <- list(
  data.frame(stype = c("E", "H", "M"), Freq = c(4421, 755, 1018)),
  data.frame(sch.wide = c("No", "Yes"), Freq = c(1072, 5122))
)
clus1_rake <- rake(clus1, list(~stype, ~sch.wide), margins,
  control = list(maxit = 500, epsilon = 1e-12))
clus1_strata <- postStratify(clus1, ~stype, margins[[1]])

cat("{\n", paste(c(
  sprintf('"strat_regression_mean": %s', estimate(svymean(~api00, strat_regression))),
  sprintf('"strat_regression_total": %s', estimate(svytotal(~api99, strat_regression))),
  sprintf('"strat_regression_by_stype": %s',
    estimate(svyby(~api00, ~stype, strat_regression, svymean))),
  sprintf('"clus1_regression_mean": %s', estimate(svymean(~api00, clus1_regression))),
  sprintf('"clus1_regression_ratio": %s',
    estimate(svyratio(~api00, ~enroll, clus1_regression))),
  sprintf('"clus1_rake_mean": %s', estimate(svymean(~api00, clus1_rake))),
  sprintf('"clus1_rake_total": %s', estimate(svytotal(~enroll, clus1_rake))),
  sprintf('"clus1_strata_mean": %s', estimate(svymean(~api00, clus1_strata)))
), collapse = ",\n"), "\n}\n", sep = "")
