"""Authentication, sessions, sign-in and the rate limit for sign-ins."""
