// How the code of two jobs differs, file by file.
import { html, useState } from "../vendor/preact-htm.js";
import { plural } from "../core/format.js";
import { useApi } from "../core/hooks.js";
import { Loading } from "./basics.js";

export const CodeDiff = ({ rows, labels, base }) => {
  const jobs = rows.filter((each) => each.job);
  const first = jobs.find((each) => each.name === base) ?? jobs[0];
  const [chosen, setChosen] = useState([first?.name, jobs.find((each) => each !== first && each.code !== first?.code)?.name ?? jobs.find((each) => each !== first)?.name]);
  const [a, b] = chosen;
  const ready = a && b && a !== b;
  const [found, error] = useApi(ready ? "compare/code" : null, { a, b });
  if (jobs.length < 2) return html`<p class="quiet pad">Two training jobs are needed: other components have no code of their own.</p>`;
  const pick = (i, text) => html`<label class="row"><span class="quiet">${text}</span><select class="select small" value=${chosen[i]} onChange=${(e) => setChosen(chosen.map((each, k) => (k === i ? e.currentTarget.value : each)))}>${jobs.map((row) => html`<option value=${row.name}>${labels.get(row.name)}</option>`)}</select></label>`;
  return html`<div class="stack tight"><div class="row wrap">${pick(0, "from")}${pick(1, "to")}</div>
    ${!ready && html`<p class="quiet">Choose two.</p>`}
    ${error && html`<p class="note bad">${error.message}</p>`}
    ${ready && !found && !error && html`<${Loading} />`}
    ${found && (!found.a || !found.b) && html`<p class="quiet">The code of ${!found.a && !found.b ? "both" : labels.get(!found.a ? a : b)} is not there: it was baked into the image, or its folder or object is gone.</p>`}
    ${found && found.a > 0 && found.b > 0 && html`<p class="quiet">${found.files.length ? `${plural(found.files.length, "file differs", "files differ")}, ${plural(found.same, "is", "are")} the same.` : `Their code is the same: ${plural(found.same, "file")}.`}</p>`}
    ${(found?.files ?? []).map((each) => html`<details class="panel" open=${found.files.length < 4} key=${each.file}><summary><span class="mono grow">${each.file}</span> <span class="quiet">${each.state}</span></summary>
      ${each.lines ? html`<pre class="patch" tabindex="0" aria-label=${`Difference of ${each.file}`}>${each.lines.map((line) => html`<span class=${line.startsWith("@@") ? "at" : line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : ""}>${line || " "}\n</span>`)}</pre>` : html`<p class="quiet pad">It is not text, or too long.</p>`}</details>`)}
  </div>`;
};
