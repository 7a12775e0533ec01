// What came of what: boxes in layers from left to right, and the lines between them.
import { html } from "../vendor/preact-htm.js";
import { useNarrow } from "../core/hooks.js";
import { link } from "../core/url.js";

const WIDE = 208;
const HIGH = 46;
const ACROSS = 56;
const DOWN = 12;

/** Layers by the longest way from a source. @param {{vertices: any[], edges: any[]}} lineage */
export function layers({ vertices, edges }) {
  const depth = new Map(vertices.map((each) => [each.arn, 0]));
  for (let turn = 0; turn < vertices.length; turn++) {
    let moved = false;
    for (const edge of edges) {
      const next = depth.get(edge.from) + 1;
      if (next > depth.get(edge.to) && next <= vertices.length) {
        depth.set(edge.to, next);
        moved = true;
      }
    }
    if (!moved) break;
  }
  const found = [];
  for (const each of vertices) (found[depth.get(each.arn)] ??= []).push(each);
  return found.filter(Boolean);
}

/** Where a box leads: a component's page, an object in storage. */
function target(vertex) {
  if (vertex.kind === "TrialComponent") return link(["components", vertex.name]);
  const found = /^s3:\/\/([^/]+)\/?(.*)$/.exec(vertex.uri);
  if (!found) return null;
  const folder = found[2].slice(0, found[2].lastIndexOf("/") + 1);
  return link(["storage", found[1]], { prefix: folder, key: found[2] === folder ? "" : found[2] });
}

export const Lineage = ({ lineage, own = [] }) => {
  const phone = useNarrow("(max-width: 640px)");
  const columns = layers(lineage);
  if (lineage.vertices.length < 2) return html`<p class="quiet pad">Nothing is known to have led to this, or to have come of it.</p>`;
  const place = new Map();
  const rows = Math.max(...columns.map((each) => each.length));
  const height = rows * (HIGH + DOWN) + 8;
  columns.forEach((column, i) => {
    const top = (height - column.length * (HIGH + DOWN)) / 2;
    column.forEach((each, k) => place.set(each.arn, phone ? null : { x: i * (WIDE + ACROSS) + 2, y: top + k * (HIGH + DOWN) + DOWN / 2 }));
  });
  const width = columns.length * (WIDE + ACROSS) - ACROSS + 4;
  const node = (each) => {
    const at = place.get(each.arn);
    const href = target(each);
    const step = each.kind === "TrialComponent";
    const title = step ? each.name : each.name || tail(each.uri) || each.type;
    const more = step ? ["component"] : [each.type, tail(each.uri)].filter((text) => text && text !== title);
    const text = html`<b class="cut">${title}</b><span class="quiet cut">${more.join(" · ")}</span>`;
    const props = { class: `node ${own.includes(each.arn) ? "own" : ""} ${each.kind.toLowerCase()}`, style: at ? { left: `${at.x}px`, top: `${at.y}px`, width: `${WIDE}px`, height: `${HIGH}px` } : {}, title: each.uri || each.name };
    return href ? html`<a ...${props} href=${href}>${text}</a>` : html`<span ...${props}>${text}</span>`;
  };
  if (phone) return html`<div class="lineage list">${columns.flat().map(node)}</div>`;
  return html`<div class="scrolls sideways" role="group" tabindex="0" aria-label="Lineage"><div class="lineage" style=${{ width: `${width}px`, height: `${height}px` }}>
    <svg width=${width} height=${height} aria-hidden="true">${lineage.edges.map((edge) => {
      const [a, b] = [place.get(edge.from), place.get(edge.to)];
      const [x, y, u, v] = [a.x + WIDE, a.y + HIGH / 2, b.x, b.y + HIGH / 2];
      return html`<path class="flow" d=${`M${x},${y}C${x + ACROSS / 2},${y} ${u - ACROSS / 2},${v} ${u},${v}`} />`;
    })}</svg>${lineage.vertices.map(node)}</div></div>`;
};

const tail = (uri) => uri.replace(/\/$/, "").split("/").pop();
