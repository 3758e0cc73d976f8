"""Sign-in by an identity provider: the header of a proxy, or OpenID Connect."""
