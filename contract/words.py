"""Values of the contract with their titles: what a request or an answer names in a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

StatisticName = Literal["mean", "total", "proportion", "count", "ratio", "quantile"]
PlannedStatistic = Literal["mean", "total", "proportion", "recall"]
ProportionInterval = Literal["korn_graubard", "logit", "wilson", "exact"]
GoalInterval = Literal["t", "wilson"]
GoalKind = Literal["margin", "relative_margin", "cv"]
ContrastMeasure = Literal["difference", "ratio"]
ChangeRule = Literal["common_rows", "no_common_rows", "shared_numbers", "independent", "bound"]
ClassificationFigure = Literal[
    "prevalence",
    "flagged_share",
    "precision",
    "recall",
    "f1",
    "specificity",
    "accuracy",
    "elusion",
    "missed_rows",
]
Lonely = Literal["fail", "adjust", "average"]
Systematic = Literal["sd1", "sd2", "random"]
CalibrationMethod = Literal["difference", "ratio", "regression", "poststratify", "rake", "judge"]
NonresponseMethod = Literal["classes", "rake", "regression", "known_totals"]
SmallClasses = Literal["fail", "merge"]
Likelihood = Literal["poisson", "binomial", "hypergeometric"]
BandRule = Literal["cumulative_root", "geometric"]
AllocationChoice = Literal["design", "optimal"]
Bound = Literal["stringer", "gaffke"]
Estimator = Literal["difference", "ratio", "regression", "mean_per_unit"]
Sides = Literal["one", "two"]
Role = Literal["admin", "analyst", "viewer"]
Level = Literal["read", "write", "admin"]
Misfire = Literal["run", "skip"]
Pooling = Literal["average", "strata"]
RunState = Literal["running", "kept_apart", "completed", "failed"]
"""Of a schedule's run that begins with data. Kept apart: its version doesn't meet the contract."""
Event = Literal[
    "job.completed", "job.failed", "schedule.failed", "review.requested", "sample.reviewed"
]
Basis = Literal["sample", "frame"]
DesignFormat = Literal["json", "csv", "parquet", "r", "stata", "sas", "python"]
WeightsFormat = Literal["json", "markdown", "csv", "parquet", "dta", "sav"]
ListFormat = Literal["xlsx", "csv"]
"""Of entry lists."""
ReplicateKind = Literal["jackknife", "bootstrap"]
ItemFilter = Literal["all", "open", "exceptions", "mine", "with_attachments", "missing"]
"""Which rows of a sample its findings list."""
Outcome = Literal["ok", "exception", "not_applicable", "not_examinable"]
Reading = Literal["first", "second", "decision"]
"""Of a row by a reviewer. Of both readings that differ, a third person makes the decision."""
QuestionType = Literal["yes_no", "choice", "number", "amount", "text"]
ReviewTask = Literal["read", "decide"]
AnswersFile = Literal["csv", "xlsx", "jsonl", "label_studio"]
"""Tasks of Label Studio have the shown columns and no answers."""
AnswersFormat = Literal["json", AnswersFile]
QuestionsFormat = Literal["json", "label_studio"]
ReviewAction = Literal["submitted", "withdrawn", "returned", "signed_off", "approved", "reopened"]
ReviewState = Literal["open", "submitted", "signed_off", "approved"]
"""Only findings of an engagement are approved."""
MemberRole = Literal["preparer", "reviewer", "partner"]
"""Of a member of an engagement."""
EngagementState = Literal["open", "sealed"]
HiddenEngagement = Literal["archived", "deleted"]
"""Why lists leave an engagement out."""
EngagementFilter = Literal[EngagementState, HiddenEngagement]
ListedReviewState = Literal[ReviewState, "returned"]
"""The state of a review in lists of samples. Returned: open again, by a reviewer."""
InboxKind = Literal[
    "rows_to_answer",
    "rows_to_decide",
    "rows_to_examine",
    "findings_to_submit",
    "findings_returned",
    "findings_to_review",
    "findings_to_approve",
    "papers_to_issue",
    "combined_papers_to_issue",
    "engagements_to_seal",
    "failed_jobs",
]
"""What waits for a user."""
TableFormat = Literal["parquet", "delta", "iceberg"]
VersionedFormat = Literal["delta", "iceberg"]
VERSION_NOUNS: Mapping[VersionedFormat, str] = {"delta": "version", "iceberg": "snapshot"}
"""What the formats call a version."""
EngineName = Literal["duckdb", "spark"]
RequestedEngine = Literal["auto", "duckdb", "spark"]
PanelState = Literal["first", "kept", "rotated_in", "born", "rotated_out", "died"]
Duplicates = Literal["refuse", "number"]
"""What a repeated row key does: it is refused, or its rows are numbered by all their columns."""
KeyState = Literal["holds", "fails", "not_checked", "not_possible"]
"""Of a row key in a version. Not possible: the table lacks a column, or its type can't be a key."""
ContractTerm = Literal[
    "table", "column", "type", "more_columns", "rows", "null_share", "row_key", "condition"
]
"""What a data contract states, as the part of it that a version doesn't meet."""
ContractState = Literal["met", "not_met", "not_checked"]
"""Of a data contract and a version."""
ApartState = Literal["kept_apart", "accepted", "deleted"]
"""Of a version that doesn't meet a data contract. Deleted: a user deleted its ref."""

SignInAction = Literal[
    "signed_in",
    "sign_in_failed",
    "signed_out",
    "password_set",
    "password_changed",
]
TeamAction = Literal[
    "user_added",
    "user_changed",
    "user_removed",
    "account_linked",
    "invitation_made",
    "invitation_resent",
    "invitation_withdrawn",
    "invitation_accepted",
    "sign_in_link_made",
    "group_made",
    "group_renamed",
    "group_deleted",
    "group_member_added",
    "group_member_removed",
    "permission_given",
    "permission_taken",
    "token_made",
    "token_ended",
]
DatasetAction = Literal[
    "dataset_made",
    "dataset_changed",
    "dataset_removed",
    "dataset_restored",
    "dataset_purged",
    "ref_made",
    "ref_deleted",
    "ref_restored",
    "ref_purged",
    "row_key_set",
    "row_key_deleted",
    "balance_entered",
    "data_contract_set",
    "data_contract_deleted",
    "version_accepted",
    "import_asked",
]
SampleAction = Literal[
    "plan_registered",
    "draw_asked",
    "profile_asked",
    "exploration_asked",
    "job_retried",
    "job_cancelled",
    "job_dismissed",
    "dismissal_undone",
    "drawn_at_once",
    "queried_at_once",
    "values_uploaded",
    "findings_entered",
    "row_replaced",
    "findings_reviewed",
    "attributes_chosen",
    "columns_chosen",
    "conclusion_entered",
    "paper_facts_entered",
    "paper_issued",
    "combined_paper_issued",
    "combined_paper_withdrawn",
    "file_attached",
    "attachment_removed",
    "questions_chosen",
    "answers_entered",
    "reviewer_added",
    "reviewer_removed",
    "schedule_made",
    "schedule_changed",
    "schedule_deleted",
    "schedule_run",
    "panel_made",
    "panel_deleted",
]
EngagementAction = Literal[
    "engagement_made",
    "engagement_changed",
    "engagement_member_added",
    "engagement_member_removed",
    "engagement_dataset_added",
    "engagement_dataset_removed",
    "engagement_sample_added",
    "engagement_sample_removed",
    "engagement_sealed",
    "engagement_unsealed",
    "engagement_archived",
    "engagement_unarchived",
    "engagement_deleted",
    "engagement_restored",
]
RowAction = Literal[
    "rows_viewed",
    "rows_downloaded",
    "attachment_downloaded",
]
StorageAction = Literal[
    "email_set",
    "email_removed",
    "email_tested",
    "email_resent",
    "webhook_made",
    "webhook_deleted",
    "webhook_tested",
    "webhook_resent",
    "webhook_disabled",
    "webhook_enabled",
    "user_quota_set",
    "dataset_quota_set",
    "pruned",
    "backup_asked",
    "backup_made",
    "signing_key_rotated",
    "connection_made",
    "connection_changed",
    "connection_deleted",
    "paper_template_changed",
]
Action = Literal[
    SignInAction,
    TeamAction,
    DatasetAction,
    SampleAction,
    EngagementAction,
    RowAction,
    StorageAction,
]
"""The actions of the audit trail."""
ACTIONS: tuple[Action, ...] = get_args(Action)
ROLES: tuple[Role, ...] = get_args(Role)
LEVELS: tuple[Level, ...] = get_args(Level)
"""The rights in a dataset; each includes those before it."""
EVENTS: tuple[Event, ...] = get_args(Event)
"""What webhooks and e-mails are about."""
STATISTICS: Mapping[StatisticName, str] = {
    "mean": "Mean",
    "total": "Total",
    "proportion": "Share of a value",
    "count": "Number of rows",
    "ratio": "Ratio of two totals",
    "quantile": "Quantile",
}
CLASSIFICATION_FIGURES: Mapping[ClassificationFigure, str] = {
    "prevalence": "Prevalence",
    "flagged_share": "Flagged share",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "specificity": "Specificity",
    "accuracy": "Accuracy",
    "elusion": "Elusion",
    "missed_rows": "Missed rows",
}
POOLINGS: Mapping[Pooling, str] = {
    "average": "Average of the runs",
    "strata": "Runs as strata of one population",
}
LONELY: Mapping[Lonely, str] = {
    "fail": "refuse",
    "adjust": "compare with the overall mean",
    "average": "use the mean variance of the other groups",
}
CALIBRATIONS: Mapping[CalibrationMethod, str] = {
    "difference": "Difference",
    "ratio": "Ratio",
    "regression": "Regression",
    "poststratify": "Post-stratification",
    "rake": "Raking",
    "judge": "Judge",
}
WITHOUT_WEIGHTS: tuple[CalibrationMethod, ...] = ("difference", "judge")
"""Calibrations that correct figures, not the weights of rows."""
NONRESPONSE: Mapping[NonresponseMethod, str] = {
    "classes": "Response classes",
    "rake": "Raking to the whole sample",
    "regression": "Regression on the whole sample",
    "known_totals": "Calibration to known totals",
}
REPLICATES: Mapping[ReplicateKind | Literal["none"], str] = {
    "none": "None",
    "jackknife": "Jackknife",
    "bootstrap": "Bootstrap",
}
SMALL_CLASSES: Mapping[SmallClasses, str] = {"fail": "refuse", "merge": "merge with the nearest"}
LIKELIHOODS: Mapping[Likelihood, str] = {
    "hypergeometric": "Hypergeometric",
    "binomial": "Binomial",
    "poisson": "Poisson",
}
BOUNDS: Mapping[Bound, str] = {"stringer": "Stringer", "gaffke": "Gaffke"}
ESTIMATORS: Mapping[Estimator, str] = {
    "difference": "Difference",
    "ratio": "Ratio",
    "regression": "Regression",
    "mean_per_unit": "Mean per unit",
}
SIDES: Mapping[Sides, str] = {"one": "Upper limit", "two": "Both sides"}
OUTCOMES: Mapping[Outcome, str] = {
    "ok": "OK",
    "exception": "Exception",
    "not_examinable": "Can’t be examined",
    "not_applicable": "Not applicable",
}
UNANSWERED: Mapping[Outcome, str] = {
    "not_examinable": "Can’t be judged",
    "not_applicable": OUTCOMES["not_applicable"],
}
"""The outcomes of rows with questions of their own, where they have no answers."""
YES_NO: Mapping[bool, str] = {True: "Yes", False: "No"}
YES_WORDS, NO_WORDS = ("true", "yes", "y", "1"), ("false", "no", "n", "0")
"""The words that answer a question of the type yes_no, in any case."""
QUESTION_TYPES: Mapping[QuestionType, str] = {
    "yes_no": "Yes or no",
    "choice": "Choice",
    "number": "Number",
    "amount": "Amount",
    "text": "Text",
}
READINGS: Mapping[Reading, str] = {
    "first": "First reading",
    "second": "Second reading",
    "decision": "Decision",
}
REVIEW_TASKS: Mapping[ReviewTask, str] = {"read": "Read rows", "decide": "Decide differences"}


def outcome_title(outcome: Outcome | None) -> str:
    """The title of an outcome; an entry with answers has none."""
    return "Answered" if outcome is None else OUTCOMES[outcome]


def outcome_titles(is_audit: bool) -> Mapping[Outcome, str]:
    """The titles of outcomes in a review: of an audit, or of questions of the sample's own."""
    return OUTCOMES if is_audit else {**OUTCOMES, **UNANSWERED}


CAUSES: Mapping[str, str] = {
    "clerical": "Clerical error",
    "instruction": "Instruction not known or misunderstood",
    "control": "Control not performed",
    "system": "Error of a system or interface",
    "cut_off": "Wrong period",
    "judgement": "Judgement or estimate",
    "document": "Document missing or incomplete",
    "intentional": "Intentional or possible fraud",
    "other": "Other",
}
"""Causes of exceptions (ISA 530 ¶12 asks for nature and cause)."""
ASSERTIONS: Mapping[str, str] = {
    "existence": "Existence",
    "occurrence": "Occurrence",
    "completeness": "Completeness",
    "accuracy": "Accuracy",
    "valuation": "Valuation",
    "cut_off": "Cut-off",
    "classification": "Classification",
    "rights": "Rights and obligations",
    "presentation": "Presentation",
}
"""What a sample gives evidence of (ISA 315 ¶A190)."""
LANGUAGES: Mapping[str, str] = {"en": "English", "de": "German", "fr": "French"}
"""Languages of working papers."""
ENTERED_LANGUAGES: Mapping[str, str] = {**LANGUAGES, "": "none"}
"""Those of entries that an empty text clears."""
ITEM_FILTERS: Mapping[ItemFilter, str] = {
    "all": "All",
    "open": "Without a finding",
    "exceptions": "Exceptions",
    "mine": "Mine",
    "with_attachments": "With attachments",
    "missing": "Missing cause or value",
}
REVIEW_ACTIONS: Mapping[ReviewAction, str] = {
    "submitted": "Submitted for review",
    "withdrawn": "Withdrawn",
    "returned": "Returned",
    "signed_off": "Signed off",
    "approved": "Approved",
    "reopened": "Reopened",
}
REVIEW_STATES: Mapping[ReviewState, str] = {
    "open": "In progress",
    "submitted": "Submitted for review",
    "signed_off": "Signed off",
    "approved": "Approved",
}
LISTED_REVIEW_STATES: Mapping[ListedReviewState, str] = {
    "open": REVIEW_STATES["open"],
    "returned": "Returned",
    "submitted": REVIEW_STATES["submitted"],
    "signed_off": REVIEW_STATES["signed_off"],
    "approved": REVIEW_STATES["approved"],
}
ASSUMPTION_STATES = {"checked": "Checked", "not_met": "Not met", "unchecked": "Unchecked"}
"""The titles of the states of an assumption of an audit test."""
MEMBER_ROLES: Mapping[MemberRole, str] = {
    "preparer": "Preparer",
    "reviewer": "Reviewer",
    "partner": "Partner",
}


def state_after(action: ReviewAction | None) -> ReviewState:
    """The state of a review after its newest step; None: there is none."""
    if action in ("submitted", "signed_off", "approved"):
        return action
    return "open"


def listed_state_after(action: ReviewAction | None) -> ListedReviewState:
    """The same in lists of samples, where returned findings have a state of their own."""
    return "returned" if action == "returned" else state_after(action)
