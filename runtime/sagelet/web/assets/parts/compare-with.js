// Choose what a job is compared with: its experiment, or any other job.
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { link } from "../core/url.js";
import { Badge, Dialog } from "./basics.js";

export const CompareWith = ({ job, close }) => {
  const [text, setText] = useState("");
  const [jobs, setJobs] = useState([]);
  useEffect(() => {
    const stop = new AbortController();
    get("jobs", { filter: text, limit: 12 }, { signal: stop.signal }).then((found) => setJobs(found.rows.filter((each) => each.key !== job.key)), () => {});
    return () => stop.abort();
  }, [text]);
  return html`<${Dialog} title=${`Compare ${job.name}`} close=${close}><div class="stack tight">
    ${job.trials.map(([, experiment]) => html`<a class="button" href=${link(["compare"], { e: experiment, base: job.component })}>With all of ${experiment}</a>`)}
    <label><span class="unseen">Find another job</span><input class="input" style=${{ width: "100%" }} type="search" placeholder="with another job: its name, status:failed, metric.loss < 0.2" value=${text} onInput=${(e) => setText(e.currentTarget.value)} /></label>
    <ul>${jobs.map((each) => html`<li key=${each.key}><a class="file" href=${link(["compare"], { c: [job.key, each.key] })}><span class="grow cut">${each.name}</span><${Badge} status=${each.status} secondary=${each.secondary} /></a></li>`)}
      ${!jobs.length && html`<li class="quiet pad">No other job is like that.</li>`}</ul>
  </div><//>`;
};
