// @ts-check
// Where we are, as a URL and back. Parsing is pure; going is not.

export const ROOT = "/_ui/";

/** @param {string} pathname @returns {string[]} */
export function parts(pathname) {
  if (!pathname.startsWith(ROOT)) return [];
  return pathname.slice(ROOT.length).split("/").filter(Boolean).map(decodeURIComponent);
}

/** @param {(string|number)[]} words @param {Record<string, string|number|boolean|null|undefined>} [query] */
export function link(words, query = {}) {
  const path = ROOT + words.map((each) => encodeURIComponent(String(each))).join("/");
  const text = params(query);
  return text ? `${path}?${text}` : path;
}

/** What is empty is left out, so that addresses stay short.
 * @param {Record<string, any>} query */
export function params(query) {
  const found = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "" || value === false) continue;
    for (const each of Array.isArray(value) ? value : [value]) found.append(key, String(each));
  }
  return found.toString();
}

/** @param {string} href */
export function go(href, { replace = false } = {}) {
  if (href === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", href);
  dispatchEvent(new Event("sagelet:went"));
}

/** The query with changes, at the same place. @param {Record<string, any>} changes */
export function change(changes) {
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const text = params({ ...query, ...changes });
  go(location.pathname + (text ? `?${text}` : ""), { replace: true });
}
