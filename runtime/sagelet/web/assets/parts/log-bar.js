// What is set of a log: whose it is, what is searched for, how it is shown.
import { html } from "../vendor/preact-htm.js";
import { size } from "../core/format.js";
import { hostsOf, labelOf } from "../core/lanes.js";
import { region } from "../core/url.js";

/** What is chosen instead of a lane; none is called so: each ends with when it was begun. */
export const SIDE = "side";

/** `told` is what the log says of itself, `set` the settings, `on` what is done about them. */
export const LogBar = ({ path, lanes, lane, told, set, on }) => {
  const at = region();
  const one = (lane !== SIDE && lane) || (lanes.length === 1 && lanes[0].id);
  return html`<div class="bar">
      ${lanes.length > 1 && html`<label><span class="unseen">Host</span><select class="select small" value=${lane} onChange=${(e) => on.choose(e.currentTarget.value)}><option value="">all ${lanes.length} hosts</option>${lanes.map((each) => html`<option value=${each.id}>${labelOf(each, lanes)}</option>`)}${(hostsOf(lanes).length > 1 || lane === SIDE) && html`<option value=${SIDE}>side by side</option>`}</select></label>`}
      <label class="grow" style=${{ maxWidth: "360px" }}><span class="unseen">Search the log</span><input id="logsearch" class="input small" style=${{ width: "100%" }} type="search" placeholder="Search" value=${set.text} onInput=${(e) => on.search(e.currentTarget.value)} /></label>
      <button class="button small" aria-pressed=${set.regex} title="The text is a regular expression" onClick=${on.regex}>.*</button>
      <button class="button small" onClick=${on.jump}>First error</button>
      <span class="quiet cut grow" role="status" aria-live="polite">${told.status || size(told.size)}</span>
      ${told.rest && set.only && set.text && html`<button class="button small" onClick=${on.goOn}>Go on</button>`}
      <button class="button small" aria-pressed=${set.times} onClick=${on.times}>Times</button>
      <button class="button small" aria-pressed=${set.wrap} onClick=${on.wrap}>Wrap</button>
      <button class="button small" aria-pressed=${told.follow} onClick=${on.follow}>Follow</button>
      <a class="button small" download href=${`/_api/${path}/log${one ? `/${encodeURIComponent(one)}` : ""}${at ? `?region=${encodeURIComponent(at)}` : ""}`}>Download</a>
    </div>`;
};
