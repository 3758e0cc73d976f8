"""Sources of imports beyond uploads: URIs of web servers, object stores and server folders."""
