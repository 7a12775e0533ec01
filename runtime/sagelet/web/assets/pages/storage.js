// Buckets as a tree of folders, what is in an object, files that are dropped.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { get, write } from "../core/api.js";
import { count, figure, moment, plural, size } from "../core/format.js";
import { useApi, useStored, useTitle } from "../core/hooks.js";
import { link, params } from "../core/url.js";
import { restOf } from "../core/archives.js";
import { AsCode } from "../parts/as-code.js";
import { Code, Coming, copy, Empty, Failed, Icon, Loading, toast } from "../parts/basics.js";

export const Storage = ({ bucket }) => {
  const query = new URLSearchParams(location.search);
  const [, redraw] = useState(0);
  useEffect(() => {
    const went = () => redraw((each) => each + 1);
    addEventListener("sagelet:went", went);
    addEventListener("popstate", went);
    return () => {
      removeEventListener("sagelet:went", went);
      removeEventListener("popstate", went);
    };
  }, []);
  useTitle(bucket ?? "Storage");
  return bucket ? html`<${Bucket} key=${bucket} bucket=${bucket} prefix=${query.get("prefix") ?? ""} chosen=${query.get("key")} member=${query.get("member")} />` : html`<${Buckets} />`;
};

const Buckets = () => {
  const [found, error, again] = useApi("storage");
  useStored(again, found);
  if (error && (error.status || !found)) return html`<${Failed} error=${error} again=${again} />`;
  if (!found) return html`<${Coming} title="Storage" />`;
  return html`<div class="head"><h1 class="grow">Storage</h1><${AsCode} /></div>
    <section class="panel" aria-label="Buckets">
      ${found.buckets.map((each) => html`<a class="file" href=${link(["storage", each.name])}><${Icon} name="bucket" /><span class="grow cut">${each.name}</span><span class="quiet">${each.region}</span></a>`)}
      ${!found.buckets.length && html`<${Empty} title="No buckets yet"><p class="quiet">A client makes one; jobs read and write it under the same address.</p><${Code} text=${'eval "$(sagelet env)"\naws s3 mb s3://my-bucket'} named="commands" /><//>`}
    </section>`;
};

const Bucket = ({ bucket, prefix, chosen, member }) => {
  const [turn, setTurn] = useState(0);
  const path = `storage/${encodeURIComponent(bucket)}`;
  const [page, error, again] = useApi(path, { prefix }, turn);
  useStored(again, page);
  const [more, setMore] = useState(null);
  const [over, setOver] = useState(false);
  const [busy, setBusy] = useState("");
  const pick = useRef(null);
  const stored = useRef(() => {}); // as it is now: the folder may have changed since the effect
  useEffect(() => {
    // Anywhere on the page: what is dropped beside a panel would be opened instead of it.
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    const moves = (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leaves = (event) => event.relatedTarget === null && setOver(false);
    const drops = (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      setOver(false);
      dropped(event.dataTransfer).then((files) => stored.current(files));
    };
    addEventListener("dragover", moves);
    addEventListener("dragleave", leaves);
    addEventListener("drop", drops);
    return () => {
      removeEventListener("dragover", moves);
      removeEventListener("dragleave", leaves);
      removeEventListener("drop", drops);
    };
  }, []);
  const folder = useRef("");
  // What comes after the first part is asked for again if that ends elsewhere by now.
  folder.current = `${prefix} ${turn} ${page?.last}`;
  useEffect(() => setMore(null), [bucket, folder.current]);
  if (error && (error.status || !page)) return html`<${Failed} error=${error} again=${again} />`;
  const folders = [...(page?.folders ?? []), ...(more?.folders ?? [])];
  const objects = [...(page?.objects ?? []), ...(more?.objects ?? [])];
  const end = more ?? page;
  const next = async () => {
    const asked = folder.current;
    const found = await get(path, { prefix, after: end.last });
    if (folder.current !== asked) return; // another folder's by now
    setMore({ ...found, folders: [...(more?.folders ?? []), ...found.folders], objects: [...(more?.objects ?? []), ...found.objects] });
  };
  const store = async (files) => {
    let kept = 0;
    for (const { name, file } of files) {
      setBusy(`Storing ${name} …`);
      try {
        await write("PUT", path, { key: prefix + name }, file);
        kept += 1;
      } catch (refused) {
        toast(`${name}: ${refused.message}`);
      }
    }
    setBusy("");
    if (kept) toast(`${plural(kept, "file")} stored.`);
    setTurn((each) => each + 1);
  };
  stored.current = store;
  const steps = prefix.split("/").filter(Boolean);
  const listed = objects.find((each) => each.key === chosen);
  const reached = page && (!end.more || chosen <= end.last);
  return html`<div class="head"><div class="grow"><div class="crumbs"><a href=${link(["storage"])}>Storage</a>${steps.length ? html` / <a href=${link(["storage", bucket])}>${bucket}</a>` : ""}${steps.slice(0, -1).map((each, i) => html` / <a href=${link(["storage", bucket], { prefix: `${steps.slice(0, i + 1).join("/")}/` })}>${each}</a>`)}</div>
      <h1>${steps[steps.length - 1] ?? bucket}</h1></div><${AsCode} />
      <button class="button" onClick=${() => pick.current.click()}>Upload</button><input type="file" multiple hidden ref=${pick} aria-label="Files to upload" onChange=${(e) => (store([...e.currentTarget.files].map((file) => ({ name: file.name, file }))), (e.currentTarget.value = ""))} />
      <button class="button" onClick=${() => copy(`s3://${bucket}/${prefix}`)}>Copy address</button></div>
    <p class=${busy ? "quiet" : "unseen"} role="status">${busy}</p>
    <div class=${chosen ? "files" : ""}>
      <section class="panel ${over ? "drop" : ""}" aria-label="Objects">
        ${!page && html`<${Loading} />`}
        ${folders.map((each) => html`<a class="file" key=${each} href=${link(["storage", bucket], { prefix: each })}><${Icon} name="folder" /><span class="grow cut">${each.slice(prefix.length).replace(/\/$/, "") || "/"}</span></a>`)}
        ${objects.map((each) => html`<a class="file" key=${each.key} aria-current=${each.key === chosen} href=${link(["storage", bucket], { prefix, key: each.key })}><${Icon} name="file" /><span class="grow cut" title=${each.key}>${each.key.slice(prefix.length) || each.key}</span><span class="quiet">${size(each.size)}</span></a>`)}
        ${page && !folders.length && !objects.length && html`<${Empty} title="Nothing here"><p class="quiet">Drop files or folders on this page to store them under s3://${bucket}/${prefix}</p><//>`}
        ${end?.more && html`<div class="body" style=${{ padding: "10px 14px" }}><button class="button small" onClick=${next}>More</button></div>`}
      </section>
      ${chosen && html`<${Preview} key=${`${chosen} ${member ?? ""}`} bucket=${bucket} prefix=${prefix} name=${chosen} member=${member} modified=${listed?.modified ?? (reached ? null : undefined)} />`}
    </div>`;
};

/** What was dropped, as files with the paths that they have in folders. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ name: file.name, file }));
  const found = [];
  const walk = async (entry, before) => {
    const name = before + entry.name;
    if (entry.isFile) return found.push({ name, file: await new Promise((done, fail) => entry.file(done, fail)) });
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!some.length) return found.length;
      for (const each of some) await walk(each, `${name}/`);
    }
  };
  for (const entry of entries) await walk(entry, "");
  return found;
}

/** `modified`: when the object was, as the folder tells; null: it is gone; undefined: not known yet. */
const Preview = ({ bucket, prefix, name, member, modified }) => {
  const [found, error, again] = useApi(`storage/${encodeURIComponent(bucket)}/preview`, { key: name, member });
  useEffect(() => {
    if (found && modified !== undefined && modified !== found.modified) again();
  }, [modified]);
  const to = (inside) => link(["storage", bucket], { prefix, key: name, member: inside });
  if (error) return html`<section class="panel"><${Failed} error=${error} head="h2" again=${again} /></section>`;
  if (!found) return html`<section class="panel"><${Loading} /></section>`;
  const raw = `/_api/storage/${encodeURIComponent(bucket)}/raw?${params({ key: name })}`;
  return html`<section class="panel" aria-label="Preview"><header><h2 class="grow cut" title=${name}>${member ? html`<a href=${to("")}>${name.slice(name.lastIndexOf("/") + 1)}</a> / ${member}` : name.slice(name.lastIndexOf("/") + 1)}</h2><a class="button small" href=${raw} download>Download</a></header>
    <div class="body stack">
      <dl class="facts"><dt>${member ? "Archive" : "Address"}</dt><dd class="mono">s3://${bucket}/${name}</dd><dt>Size</dt><dd>${size(found.size)} <span class="quiet">(${count(found.size)} bytes)</span></dd><dt>Stored</dt><dd>${moment(found.modified)}</dd>${found.type && html`<dt>Type</dt><dd>${found.type}</dd>`}</dl>
      <${Shown} preview=${found.preview} raw=${raw} name=${member || name} to=${to} />
    </div></section>`;
};

const Shown = ({ preview, raw, name, to }) => {
  if (preview.kind === "image") return html`<${Image} src=${preview.data ?? raw} name=${name} />`;
  if (preview.kind === "array") return html`<${ArrayView} array=${preview} />`;
  if (preview.kind === "archive") return html`<${Members} archive=${preview} to=${to} />`;
  if (preview.kind === "none") return html`<p class="quiet">There is no preview: ${preview.reason}.</p>`;
  if (/\.csv(\.gz)?$/i.test(name)) return html`<${Rows} text=${preview.text} cut=${preview.cut} />`;
  return html`<${Code} text=${pretty(name, preview.text)} named="text" />${preview.cut && html`<p class="quiet">The beginning is shown.</p>`}`;
};

const ArrayView = ({ array }) => {
  const high = Math.max(...(array.counts ?? [1]));
  return html`<dl class="facts"><dt>dtype</dt><dd class="mono">${array.dtype}</dd><dt>shape</dt><dd class="mono">(${array.shape.join(", ")})</dd>
      ${array.counts && html`<dt>range</dt><dd>${figure(array.min)} to ${figure(array.max)}</dd><dt>mean ± std</dt><dd>${figure(array.mean)} ± ${figure(array.std)}</dd>`}
      ${array.odd > 0 && html`<dt>NaN, ∞</dt><dd>${plural(array.odd, "value")} of ${count(array.sampled)}</dd>`}</dl>
    ${array.counts && html`<div><div class="bars" role="img" aria-label=${`Histogram from ${figure(array.min)} to ${figure(array.max)}`}>${array.counts.map((each) => html`<i style=${{ height: `${(each / high) * 100}%` }}></i>`)}</div><div class="row quiet"><span class="grow">${figure(array.min)}</span><span>${figure(array.max)}</span></div></div>`}
    ${array.images ? html`<div class="grid" role="img" aria-label=${`The first ${array.images.count} images`}>${Array.from({ length: array.images.count }, (_, i) => html`<${Picture} images=${array.images} at=${i} />`)}</div>`
      : array.first?.length > 0 && html`<p class="mono">${array.first.map(figure).join("  ")} …</p>`}`;
};

const Picture = ({ images, at }) => {
  const canvas = useRef(null);
  useEffect(() => {
    const { width, height } = images;
    const bytes = (images.bytes ??= Uint8Array.from(atob(images.data), (each) => each.charCodeAt(0)));
    const data = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) data.data.set([bytes[at * width * height + i], bytes[at * width * height + i], bytes[at * width * height + i], 255], i * 4);
    canvas.current.getContext("2d").putImageData(data, 0, 0);
  }, []);
  return html`<canvas ref=${canvas} width=${images.width} height=${images.height} aria-hidden="true"></canvas>`;
};

const Image = ({ src, name }) => {
  const [told, setTold] = useState("");
  if (told === "broken") return html`<p class="quiet">There is no preview: the browser cannot read it as an image.</p>`;
  return html`<figure class="stack tight"><img class="shown" src=${src} alt=${name} onError=${() => setTold("broken")} onLoad=${(e) => setTold(`${e.currentTarget.naturalWidth} × ${e.currentTarget.naturalHeight} pixels`)} /><figcaption class="quiet">${told}</figcaption></figure>`;
};

const Members = ({ archive, to }) => html`<div class="scrolls" role="group" tabindex="0" aria-label="members"><table class="simple"><thead><tr><th>Member</th><th class="num">Size</th></tr></thead><tbody>${archive.members.map((each) => html`<tr><td class="mono">${each.folder ? `${each.name.replace(/\/$/, "")}/` : html`<a href=${to(each.name)}>${each.name}</a>`}</td><td class="num">${each.folder ? "" : size(each.size)}</td></tr>`)}</tbody></table>${archive.cut && html`<p class="quiet">${restOf(archive)}</p>`}</div>`;

const Rows = ({ text, cut }) => {
  const rows = parse(text).slice(0, 200);
  if (!rows.length) return html`<p class="quiet">It has no rows.</p>`;
  const [head, ...body] = rows;
  return html`<div class="scrolls" role="group" tabindex="0" aria-label="rows" style=${{ maxHeight: "60vh" }}><table class="simple"><thead><tr>${head.map((each) => html`<th>${each}</th>`)}</tr></thead><tbody>${body.map((row) => html`<tr>${row.map((each) => html`<td>${each}</td>`)}</tr>`)}</tbody></table></div>${cut && html`<p class="quiet">The beginning is shown.</p>`}`;
};

/** The rows of a CSV; quotes may hold commas and line ends. */
function parse(text) {
  const rows = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length && rows.length <= 201; i++) {
    const each = text[i];
    const row = rows[rows.length - 1];
    if (each === '"' && quoted && text[i + 1] === '"') row[row.length - 1] += text[++i];
    else if (each === '"') quoted = !quoted;
    else if (each === "," && !quoted) row.push("");
    else if (each === "\n" && !quoted) rows.push([""]);
    else if (each !== "\r") row[row.length - 1] += each;
  }
  return rows.filter((row) => row.length > 1 || row[0]);
}

function pretty(name, text) {
  if (!/\.json$/i.test(name)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
