"""Two verifiers of certificates, written from docs/CERTIFICATE.md alone.

``verify_sample.py`` needs Python's standard library and nothing of jobsvc; ``verify.html`` is a
page that works without a network. They share no code with the product or with each other.
"""
