"""Sign-in and sign-out by an OpenID Connect provider, in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from service.settings import Settings
from tests.browser.test_accessibility import assert_accessible
from tests.support.live_server import LiveServer, live_server
from tests.support.openid_provider import Provider, running_provider

pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config")  # the provider's Authlib


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as found:
        yield found


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("openid"),
        memory_mb=128,
        oidc_issuer=provider.issuer,
        oidc_client_id="jobsvc",
        oidc_client_secret="a secret",
        oidc_name="Example Bank",
        group_roles="auditors=analyst",
    )
    with live_server(settings) as live:
        yield live


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that isn't watched: the provider's pages have rules of their own."""
    context = browser.new_context()
    context.route("https://**", lambda route: route.abort())  # the provider's style sheet
    yield context.new_page()
    context.close()


def test_a_user_goes_to_the_provider_and_back(
    server: LiveServer, provider: Provider, page: Page
) -> None:
    provider.set_user("an10001", groups=["auditors"])
    page.goto(f"{server.url}/jobs?limit=5")
    assert_accessible(page, with_axe=True)
    page.get_by_role("link", name="Sign in with Example Bank").click()
    page.locator("input[name=sub]").fill("an10001")
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url(f"{server.url}/jobs?limit=5")
    page.get_by_text("an10001").first.click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{provider.issuer}/oauth2/end_session?**")
    page.get_by_role("button", name="End session").click()
    page.wait_for_url(f"{server.url}/sign-in")
    page.goto(f"{server.url}/jobs")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
