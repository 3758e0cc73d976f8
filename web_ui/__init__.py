"""Pages for a browser, working offline: plain forms, one style sheet, no script."""
