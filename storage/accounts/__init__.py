"""Users, tokens, dataset permissions and the audit trail."""
