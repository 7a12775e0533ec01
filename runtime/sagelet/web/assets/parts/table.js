// A table of any length: only what is on screen is fetched and drawn.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { useKeys } from "../core/hooks.js";
import { go } from "../core/url.js";

const ROW = 38;
const PAGE = 100;
const SPARE = 12;

/** `columns`: {id, title, width, num, cell(row), sort}; `total` rows; `rowAt(index)` is a row or
 * undefined, `need(page)` asks for a page of a hundred; `href(row)` where a row leads. */
export const Table = ({ columns, total, rowAt, need, href, sort, onSort, label }) => {
  const box = useRef(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [here, setHere] = useState(-1);
  const first = Math.max(0, Math.floor(top / ROW) - SPARE);
  const last = Math.min(total, Math.ceil((top + height) / ROW) + SPARE);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(() => setHeight(box.current?.clientHeight ?? 600));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page++) need(page);
  });
  const move = (by) => {
    const next = Math.min(total - 1, Math.max(0, here + by));
    setHere(next);
    const at = next * ROW;
    const view = box.current;
    if (at < view.scrollTop) view.scrollTop = at;
    if (at + ROW * 2 > view.scrollTop + view.clientHeight) view.scrollTop = at + ROW * 2 - view.clientHeight;
  };
  useKeys([
    { keys: "j", what: "next row", run: () => move(1) },
    { keys: "k", what: "row before", run: () => move(-1) },
    { keys: "enter", what: "", run: () => rowAt(here) && go(href(rowAt(here))) },
  ], [here, total, rowAt]);
  const template = columns.map((each) => each.width ?? "minmax(0, 1fr)").join(" ");
  const rows = [];
  for (let index = first; index < last; index++) {
    const row = rowAt(index);
    const place = { transform: `translateY(${index * ROW}px)` };
    rows.push(row
      ? html`<div key=${index} role="row" aria-rowindex=${index + 2} class="line ${index === here ? "here" : ""}" style=${place}>
          ${columns.map((each, i) => html`<span role="cell" class="cell ${each.num ? "num" : ""}">${i ? each.cell(row) : html`<a class="cover" href=${href(row)}>${each.cell(row)}</a>`}</span>`)}</div>`
      : html`<div key=${index} role="row" aria-rowindex=${index + 2} class="line" style=${place}><span role="cell" class="ghost"></span></div>`);
  }
  return html`<div class="table panel grow">
    <div class="scroll" ref=${box} tabindex="0" role="region" aria-label=${label} onScroll=${(e) => setTop(e.currentTarget.scrollTop)}>
      <div class="canvas" role="table" aria-label=${label} aria-rowcount=${total + 1} style=${{ "--columns": template }}>
        <div class="line top" role="row" aria-rowindex="1">
          ${columns.map((each) => html`<span role="columnheader" class="cell ${each.num ? "num" : ""}" aria-sort=${sort?.id === each.sort && each.sort ? (sort.descending ? "descending" : "ascending") : undefined}>
            ${each.sort ? html`<button onClick=${() => onSort(each.sort)}><span class="cut">${each.title}</span>${sort?.id === each.sort ? (sort.descending ? " ↓" : " ↑") : ""}</button>` : each.title}</span>`)}
        </div>
        <div class="rows" role="rowgroup" style=${{ position: "relative", height: `${total * ROW}px` }}>${rows}</div>
      </div>
    </div></div>`;
};
