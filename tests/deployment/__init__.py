"""The files of deploy/, run with the real proxies and systemd."""
