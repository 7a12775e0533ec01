// The versions of each model, newest first; what is in one, and how it differs from another.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { restOf } from "../core/archives.js";
import { count, moment, plural, size } from "../core/format.js";
import { useApi, useAsked, useStored, useTitle } from "../core/hooks.js";
import { value } from "../core/series.js";
import { link } from "../core/url.js";
import { useOf } from "../core/use-model.js";
import { AsCode } from "../parts/as-code.js";
import { Code, Coming, Empty, Failed, Figure, Loading, Size } from "../parts/basics.js";

/** So many models, or versions of one, at first and at a time. */
const PAGE = 100;

export const Models = ({ name }) => {
  useTitle(name ?? "Models");
  const [limit, setLimit] = useState(PAGE);
  const [found, error, again] = useApi("models", name ? { name, limit } : {});
  useStored(again, found);
  const last = useRef({}); // stays while more of them come
  useEffect(() => {
    if (found) last.current = { name, found };
  }, [found]);
  const versions = found ?? (last.current.name === name ? last.current.found : null);
  if (error && (error.status || !versions)) return html`<${Failed} error=${error} again=${again} />`;
  if (!versions) return html`<${Coming} title=${name ?? "Models"} under=${Boolean(name)} />`;
  const groups = new Map();
  for (const each of versions) {
    if (groups.has(each.name)) groups.get(each.name).push(each);
    else groups.set(each.name, [each]);
  }
  return html`
    <div class="head"><div class="grow">${name && html`<div class="crumbs"><a href=${link(["models"])}>Models</a></div>`}<h1>${name ?? "Models"}</h1>${!name && groups.size > 0 && html`<span class="quiet">${plural(groups.size, "model")}</span>`}</div><${AsCode} /></div>
    ${!groups.size && html`<section class="panel"><${Empty} title="No models yet"><p class="quiet">What a job leaves in <code>SM_MODEL_DIR</code> becomes the next version of its model when the job completes.</p><//></section>`}
    ${name && html`<${Versions} name=${name} versions=${groups.get(name)} more=${() => setLimit((old) => old + PAGE)} />`}
    ${!name && groups.size > 0 && html`<${Newest} models=${newestFirst(groups)} />`}`;
};

/** Models with their versions, the one that changed last first. */
function newestFirst(groups) {
  const last = (versions) => versions[versions.length - 1];
  return [...groups].sort(([, a], [, b]) => last(b).created - last(a).created);
}

/** The newest version of each model. */
const Newest = ({ models }) => {
  const [limit, setLimit] = useState(PAGE);
  return html`<section class="panel" aria-label="Models"><div class="scrolls" role="group" tabindex="0" aria-label="Models"><table class="simple"><thead><tr><th>Model</th><th class="num">Version</th><th class="wide">Job</th><th class="num">Size</th><th class="num wide">Made</th></tr></thead><tbody>
    ${models.slice(0, limit).map(([name, versions]) => {
      const newest = versions[versions.length - 1];
      return html`<tr key=${name}><td><a href=${link(["models", name])}>${name}</a></td><td class="num">${newest.version}</td><td class="wide"><a href=${link(["jobs", newest.job])}>${newest.job}</a></td><td class="num">${size(newest.size)}</td><td class="num quiet wide">${moment(newest.created)}</td></tr>`;
    })}
  </tbody></table></div>${models.length > limit && html`<div class="pad"><button class="button" onClick=${() => setLimit((old) => old + PAGE)}>More</button></div>`}</section>`;
};

/** So many metrics of its job stand beside a version. */
const METRICS = 3;

const Rows = ({ versions, chosen, onChoose, metrics = [...new Set(versions.flatMap((each) => Object.keys(each.metrics)))].slice(0, METRICS) }) => html`<div class="scrolls" role="group" tabindex="0" aria-label="Versions"><table class="simple"><thead><tr><th>Version</th><th>Job</th>${metrics.map((name) => html`<th class="num">${name}</th>`)}<th class="num">Size</th><th class="num wide">Made</th></tr></thead><tbody>
  ${[...versions].reverse().map((one) => html`<tr class=${chosen === one.version ? "here" : ""}><td>${onChoose ? html`<button class="button small" aria-pressed=${chosen === one.version} onClick=${() => onChoose(one.version)}>${one.version}</button>` : one.version}</td><td class="name"><a href=${link(["jobs", one.job])}>${one.job}</a></td>${metrics.map((name) => html`<td class="num"><${Figure} value=${one.metrics[name] === undefined ? undefined : value(one.metrics[name])} /></td>`)}<td class="num"><${Size} bytes=${one.size} /></td><td class="num quiet wide">${moment(one.created)}</td></tr>`)}
</tbody></table></div>`;

const Versions = ({ name, versions, more }) => {
  const newest = versions[versions.length - 1];
  const [asked, setAsked] = useAsked("version");
  const [against, setAgainst] = useAsked("against");
  const chosen = versions.find((each) => String(each.version) === asked) ?? newest;
  const path = (version) => `models/${encodeURIComponent(name)}/${version}`;
  const [files] = useApi(path(chosen.version));
  const use = files?.members && useOf(chosen.path, files.members);
  const [other] = useApi(against && against !== String(chosen.version) ? path(against) : null);
  return html`<div class="two">
    <section class="panel" aria-label="Versions"><header><h2>Versions</h2></header><${Rows} versions=${versions} chosen=${chosen.version} onChoose=${(version) => setAsked(version === newest.version ? "" : String(version))} />${newest.versions > versions.length && html`<div class="pad row"><span class="quiet grow">The newest ${count(versions.length)} of ${count(newest.versions)}.</span><button class="button" onClick=${more}>More</button></div>`}</section>
    <section class="panel" aria-label="Files"><header><h2 class="grow">Version ${chosen.version}</h2>${versions.length > 1 && html`<label class="row"><span class="quiet">against</span><select class="select small" value=${against} onChange=${(e) => setAgainst(e.currentTarget.value)}><option value="">nothing</option>${versions.filter((each) => each !== chosen).map((each) => html`<option value=${each.version}>version ${each.version}</option>`)}</select></label>`}</header>
      ${!files ? html`<${Loading} />` : files.kind === "none" ? html`<p class="quiet pad">${files.reason}</p>` : html`<${Files} files=${files} other=${other} />`}
      <div class="body stack tight"><p class="quiet">It lies in this folder:</p><${Code} text=${chosen.path} named="folder" />
        ${use?.framework && html`<p class="quiet">By its files it is ${use.framework}. This loads it:</p><${Code} text=${use.code} named="how to load it" />`}</div></section>
  </div>`;
};

const Files = ({ files, other }) => {
  const before = new Map((other?.members ?? []).map((each) => [each.name, each]));
  const names = new Set(files.members.map((each) => each.name));
  const state = (each) => {
    if (!other) return "";
    const old = before.get(each.name);
    if (!old) return "added";
    const by = each.size - old.size;
    return by ? `${by > 0 ? "+" : "−"}${size(Math.abs(by))}` : "";
  };
  const gone = other ? other.members.filter((each) => !names.has(each.name)) : [];
  return html`<div class="scrolls" role="group" tabindex="0" aria-label="Files"><table class="simple"><thead><tr><th>File</th>${other && html`<th>Change</th>`}<th class="num">Size</th></tr></thead><tbody>
    ${files.members.filter((each) => !each.folder).map((each) => html`<tr><td class="mono">${each.name}</td>${other && html`<td class="quiet">${state(each)}</td>`}<td class="num">${size(each.size)}</td></tr>`)}
    ${gone.filter((each) => !each.folder).map((each) => html`<tr><td class="mono">${each.name}</td><td class="quiet">removed</td><td class="num">–</td></tr>`)}
  </tbody></table>${files.cut && html`<p class="quiet pad">${restOf(files)}</p>`}</div>`;
};
