// Preferences that the browser sends to the server as cookies.

const YEAR_S = 31536000;

export function setCookie(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_S}; SameSite=Lax`;
}

setCookie("zone", Intl.DateTimeFormat().resolvedOptions().timeZone);
