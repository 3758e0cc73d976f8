"""Tables as jobs and use cases read them: profiles, reports, comparisons."""
