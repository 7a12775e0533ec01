// The page as code, copied: beside the title of every page that shows what code can get.
import { html } from "../vendor/preact-htm.js";
import { codeOf, languageOf } from "../core/as-code.js";
import { shownNow } from "../core/shown.js";
import { parts, region } from "../core/url.js";
import { copy, Icon, toast } from "./basics.js";

/** What a page's code is called. */
const TITLES = { boto3: "Copy as boto3", curl: "Copy as curl" };

/** What the page can be copied as; undefined where it cannot. */
export function codeTitle() {
  return TITLES[languageOf(parts(location.pathname), new URLSearchParams(location.search))];
}

/** Copy what the page shows now, as code that gets it. */
export function copyCode() {
  const known = shownNow();
  const text = codeOf({ ...known, words: parts(location.pathname), query: new URLSearchParams(location.search), region: region() ?? known.region, origin: location.origin });
  if (text) copy(text);
  else toast("There is nothing here that code could get.");
}

export const AsCode = () => {
  const title = codeTitle();
  return title ? html`<button class="button small bare as-code" title=${`${title} (Y): code that gets what this page shows`} aria-label=${title} onClick=${copyCode}><${Icon} name="code" /></button>` : "";
};
