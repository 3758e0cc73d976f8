"""The HTTP status of each code of an error."""

from __future__ import annotations

from collections.abc import Mapping

_CODES_OF_STATUS = {
    401: "unauthorized bad_credentials untrusted_header",
    403: "forbidden origin_not_allowed sign_in_refused",
    404: "not_found pruned unknown_round unknown_row",
    408: "client_disconnected",
    409: "conflict spark_not_configured spark_not_installed source_changed connection_missing "
    "delta_not_installed iceberg_not_installed readstat_not_installed "
    "columns_changed findings_locked finding_changed review_changed row_replaced no_row_left "
    "own_questions own_reading row_answered row_decided row_not_reserved "
    "stage_not_reached sample_deleted name_taken ref_moved ref_immutable stale_job files_in_use "
    "job_not_completed no_row_root comparison_not_ready idempotency_key_reused no_password "
    "quota_exceeded already_attached attachments_full details_missing",
    415: "unsupported_media_type",
    421: "host_not_allowed",
    422: "wrong_password invalid_value invalid_request unknown_column invalid_filter "
    "invalid_numbers invalid_option invalid_parameter invalid_selection invalid_key "
    "key_missing key_not_unique "
    "spark_unsupported_type "
    "unknown_stratum no_reserves too_large_for_sheet invalid_size invalid_rounds invalid_seed "
    "no_certificate "
    "invalid_strata_columns cluster_in_two_strata minimum_exceeds_sample too_many_strata "
    "unreadable_file type_misfit workbook_too_large "
    "invalid_uri uri_not_allowed source_not_found source_denied source_too_large unservable_file "
    "version_not_found unsupported_table broken_table_log "
    "invalid_sql sql_refused sql_failed sql_too_large sql_out_of_memory sql_timeout "
    "page_too_large preview_too_large preview_too_slow request_too_slow "
    "preview_unclear "
    "empty_sample no_row_key key_missing key_not_unique several_rows "
    "too_many_entries lonely_stratum invalid_estimate unsupported_design too_many_groups "
    "invalid_replicates invalid_calibration invalid_row_file invalid_goal invalid_findings "
    "invalid_nonresponse invalid_attachment unfit_for_statistics invalid_calculation "
    "invalid_programme unknown_programme",
    429: "too_many_attempts too_many_streams too_many_waiting_jobs too_many_queries "
    "too_many_previews too_many_reads too_many_downloads too_many_uploads "
    "too_many_sign_ins too_many_backups too_many_messages too_many_beacons",
    500: "invalid_setting timed_out attached_read_failed",
    503: "spark_unavailable spark_refused spark_file_missing spark_failed ordinals_unsure "
    "engines_disagree provider_unavailable source_unavailable credentials_missing "
    "storage_not_writable disk_full data_directory_in_use newer_schema older_schema "
    "unmigrated_schema unknown_schema foreign_directory no_data_directory damaged_database "
    "cannot_open_database address_in_use too_few_descriptors rows_missing damaged_data",
}
STATUS_OF_CODE: Mapping[str, int] = {
    code: status for status, codes in _CODES_OF_STATUS.items() for code in codes.split()
}
"""A code that isn't here gets 500. A test compares the table with all errors."""
