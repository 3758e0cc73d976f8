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

share <- function(x) {
  ends <- paste(number(attr(x, "ci")), collapse = ", ")
  sprintf('{"values": [%s], "errors": [%s], "ends": [%s]}',
    number(as.numeric(coef(x))), number(sqrt(as.numeric(attr(x, "var")))), ends)
}
high <- function(design) share(svyciprop(~I(api00 > 650), design, method = "beta"))
# A known share of last year's values makes the sample worth more rows than it has.
apistrat$last <- ifelse(apistrat$api99 > 630, "high", "low")
strat <- update(strat, last = apistrat$last)
strat_last <- postStratify(strat, ~last, data.frame(last = c("high", "low"), Freq = c(3000, 3194)))
degrees <- function(design) {
  rows <- subset(design, stype != "E" & api00 > 700)
  sprintf('{"values": [%d, %d]}', degf(design), degf(rows))
}

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
  sprintf('"clus1_strata_mean": %s', estimate(svymean(~api00, clus1_strata))),
  sprintf('"strat_share": %s', high(strat)),
  sprintf('"strat_share_regression": %s', high(calibrate(strat, ~enroll + api.stu, known,
    epsilon = 1e-12))),
  sprintf('"strat_share_poststratified": %s', high(strat_last)),
  sprintf('"strat_share_of_group": %s', high(subset(strat, stype == "H"))),
  sprintf('"clus1_share": %s', high(clus1)),
  sprintf('"clus1_share_of_group": %s', high(subset(clus1, stype != "E"))),
  sprintf('"clus1_share_poststratified": %s', high(clus1_strata)),
  sprintf('"strat_degrees": %s', degrees(strat)),
  sprintf('"clus1_degrees": %s', degrees(clus1))
), collapse = ",\n"), "\n}\n", sep = "")
