"""nginx that authenticates users, by the example of docs/SIGN_IN.md."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deployment.test_proxies import free_port, running
from tests.support.server_process import ServerProcess

PAGE = Path(__file__).parents[2] / "docs" / "SIGN_IN.md"
SECRET = "the secret of the proxy"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(
        tmp_path / "data",
        trusted_proxy="127.0.0.1",
        proxy_user_header="X-Forwarded-User",
        proxy_groups_header="X-Forwarded-Groups",
        proxy_secret=SECRET,
        group_roles="auditors=analyst,it=admin",
        memory_mb=128,
    ) as started:
        yield started


@pytest.fixture
def address(server: ServerProcess, tmp_path: Path) -> Iterator[str]:
    """The address of nginx. A second server block is in the place of oauth2-proxy."""
    port, sign_in_port = free_port(), free_port()
    (block,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for old, new in (
        ("http://10.0.0.6:8000", server.url.replace("localhost", "127.0.0.1")),
        ('"the secret"', f'"{SECRET}"'),
    ):
        assert old in block
        block = block.replace(old, new)
    paths = " ".join(
        f"{kind}_temp_path {tmp_path / kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"""daemon off; pid {tmp_path}/pid; error_log stderr; events {{}}
        http {{ access_log off; {paths}
        server {{
            listen 127.0.0.1:{port};
            location = /oauth2/auth {{ internal; proxy_pass http://127.0.0.1:{sign_in_port}; }}
            {block}
        }}
        server {{
            listen 127.0.0.1:{sign_in_port};
            location / {{
                add_header X-Auth-Request-Preferred-Username pr10001;
                add_header X-Auth-Request-Groups "sales,auditors";
                return 204;
            }}
        }} }}""",
        encoding="utf-8",
    )
    command = [str(shutil.which("nginx", path="/usr/sbin:/usr/bin")), "-c", str(config)]
    with running(command, port):
        yield f"http://127.0.0.1:{port}"


def test_the_example_replaces_headers_that_a_client_sends(
    server: ServerProcess, address: str
) -> None:
    spoofed = {
        "X-Forwarded-User": "admin00",
        "X-Forwarded-Groups": "it",
        "X-Jobsvc-Proxy-Secret": "a guess",
        "X-Forwarded-For": "127.0.0.1",
    }
    with httpx.Client(base_url=address, headers=spoofed, follow_redirects=True) as browser:
        assert browser.get("/jobs").url == f"{address}/jobs"
        user = browser.get("/api/users/me").json()
        assert (user["soeid"], user["role_name"]) == ("pr10001", "analyst")
        with httpx.Client(base_url=server.url, headers=spoofed, cookies=browser.cookies) as other:
            assert other.get("/sign-in").status_code == 401
            assert other.get("/api/users/me").status_code == 401
