// What the browser tells the server by cookies, so that the next page comes as the reader wants it.

const YEAR_S = 31536000;

export function remember(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_S}; SameSite=Lax`;
}

remember("zone", Intl.DateTimeFormat().resolvedOptions().timeZone);
