// The versions of each model, newest first.
import { html } from "../vendor/preact-htm.js";
import { moment, plural, size } from "../core/format.js";
import { useApi, useTitle } from "../core/hooks.js";
import { link } from "../core/url.js";
import { Code, Empty, Failed, Loading } from "../parts/basics.js";

export const Models = ({ name }) => {
  useTitle(name ?? "Models");
  const [versions, error, again] = useApi("models", { name });
  if (error) return html`<${Failed} error=${error} again=${again} />`;
  if (!versions) return html`<${Loading} />`;
  const groups = Object.groupBy ? Object.groupBy(versions, (each) => each.name) : group(versions);
  const names = Object.keys(groups);
  return html`
    <div class="head"><div class="grow">${name && html`<div class="crumbs"><a href=${link(["models"])}>Models</a></div>`}<h1>${name ?? "Models"}</h1></div></div>
    ${!names.length && html`<section class="panel"><${Empty} title="No models yet"><p class="quiet">What a job leaves in <code>SM_MODEL_DIR</code> becomes the next version of its model when the job completes.</p><//></section>`}
    ${names.map((each) => html`<section class="panel" key=${each} aria-label=${each}>
      <header><h2 class="grow"><a href=${link(["models", each])}>${each}</a></h2><span class="quiet">${plural(groups[each].length, "version")}</span></header>
      <div class="scrolls"><table class="simple"><thead><tr><th>Version</th><th>Job</th><th class="num">Size</th><th class="num">Made</th></tr></thead><tbody>
        ${[...groups[each]].reverse().slice(0, name ? 1000 : 5).map((one) => html`<tr><td>${one.version}</td><td><a href=${link(["jobs", one.job])}>${one.job}</a></td><td class="num">${size(one.size)}</td><td class="num quiet">${moment(one.created)}</td></tr>`)}
      </tbody></table></div>
      ${name && html`<div class="body stack"><p class="quiet">The newest version lies in this folder:</p><${Code} text=${groups[each][groups[each].length - 1].path} named="folder" /></div>`}
    </section>`)}`;
};

function group(versions) {
  const found = {};
  for (const each of versions) (found[each.name] ??= []).push(each);
  return found;
}
