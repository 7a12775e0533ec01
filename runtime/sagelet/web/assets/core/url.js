// @ts-check
// Where we are, as a URL and back. Parsing is pure; going is not.

export const ROOT = "/_ui/";

/** @param {string} pathname @returns {string[]} */
export function parts(pathname) {
  if (!pathname.startsWith(ROOT)) return [];
  return pathname.slice(ROOT.length).split("/").filter(Boolean).map(decoded);
}

/** A word of an address; one that is written wrong is what it is. @param {string} word */
function decoded(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

/** @param {(string|number)[]} words @param {Record<string, string|number|boolean|null|undefined>} [query] */
export function link(words, query = {}) {
  const path = ROOT + words.map((each) => encodeURIComponent(String(each))).join("/");
  const text = params({ region: region(), ...query });
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

/** Go there; with `replace` the page stays as it is, and only its address is another.
 * @param {string} href */
export function go(href, { replace = false } = {}) {
  if (href === location.pathname + location.search) return;
  if (replace) {
    history.replaceState(null, "", href);
    return;
  }
  history.pushState(null, "", href);
  dispatchEvent(new Event("sagelet:went"));
}

/** The query with changes, at the same place; a list is there several times.
 * @param {Record<string, any>} changes */
export function change(changes) {
  const text = params({ ...asked(location.search), ...changes });
  go(location.pathname + (text ? `?${text}` : ""), { replace: true });
}

/** A query as values, lists where a name is there several times. @param {string} search */
export function asked(search) {
  /** @type {Record<string, string|string[]>} */
  const found = {};
  for (const [key, value] of new URLSearchParams(search)) {
    const before = found[key];
    found[key] = before === undefined ? value : [before, value].flat();
  }
  return found;
}

/** The region that the address names, if any. */
export function region() {
  return new URLSearchParams(globalThis.location?.search ?? "").get("region") ?? undefined;
}
