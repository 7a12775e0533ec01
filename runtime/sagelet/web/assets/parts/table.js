// A table of any length: only what is on screen is fetched and drawn.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { useKeys } from "../core/hooks.js";
import { point, usePointed } from "../core/hover.js";
import { go } from "../core/url.js";

const ROW = 38;
const PAGE = 100;
const SPARE = 12;
/** Between cells, and beside them: as the styles have it, on a phone and elsewhere. */
const GAPS = { phone: [8, 10], desk: [12, 14] };
const TICK = { id: "choose", title: "", min: 18, flex: 0 };

/** What a row is known by: jobs of two kinds may have one name. */
const idOf = (row) => row?.key ?? row?.name;

/** How wide columns are at least. */
function widthOf(columns) {
  const [gap, side] = innerWidth <= 640 ? GAPS.phone : GAPS.desk;
  return columns.reduce((sum, each) => sum + each.min, 0) + gap * (columns.length - 1) + 2 * side;
}

/** Those of the columns of a choosable table that a width has room for: the highest `spare` go first. */
export function fitting(columns, room) {
  let kept = columns;
  while (widthOf([TICK, ...kept]) + 2 > room) {
    const most = Math.max(...kept.map((each) => each.spare ?? 0));
    if (!most) break;
    const at = kept.findLastIndex((each) => each.spare === most);
    kept = kept.filter((_, i) => i !== at);
  }
  return kept;
}

/** `columns`: {id, title, min, flex, num, cell(row), sort, head}; `total` rows; `rowAt(index)` is a
 * row or undefined, `need(page)` asks for a page of a hundred; `href(row)` is where a row leads.
 * `chosen` (keys of rows, or names) and `onChoose` make rows choosable; `pointing` rows tell of the pointer. */
export const Table = ({ columns, total, rowAt, need = () => {}, href, sort, onSort, label, chosen, onChoose, pointing = false, fit = false }) => {
  const box = useRef(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [bar, setBar] = useState(0); // how high a scroll bar below it is
  const [here, setHere] = useState(-1);
  const last_ = useRef(-1);
  const wanted = useRef(null); // which number of the row, or -1: its link, gets the focus, and who has it
  const under = usePointed();
  const first = Math.max(0, Math.floor(top / ROW) - SPARE);
  const last = Math.min(total, Math.ceil((top + height) / ROW) + SPARE);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(() => {
      setHeight(box.current?.clientHeight ?? 600);
      setBar(box.current ? box.current.offsetHeight - box.current.clientHeight : 0);
    });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page++) need(page);
  });
  const figuresOf = (index) => [...(box.current.querySelectorAll(`[aria-rowindex="${index + 2}"] .fig`) ?? [])];
  /** The focus on the row, once it is there; unless it went elsewhere meanwhile. */
  const land = () => {
    if (!wanted.current) return;
    const { figure, from } = wanted.current;
    const now = document.activeElement;
    const link = box.current.querySelector(`[aria-rowindex="${here + 2}"] a.cover`);
    if (now === from || now === document.body || box.current.contains(now)) {
      if (!link) return;
      const all = figure < 0 ? [] : figuresOf(here);
      (all[Math.min(figure, all.length - 1)] ?? link).focus({ preventScroll: true });
    }
    wanted.current = null;
  };
  useLayoutEffect(land);
  /** To another number of the row. */
  const aside = (by) => {
    const all = figuresOf(here);
    const at = all.indexOf(document.activeElement);
    if (!all.length || (at < 0 && by < 0)) return false;
    all[Math.min(all.length - 1, Math.max(0, at + by))].focus();
    return true;
  };
  const move = (by) => {
    const from = document.activeElement;
    const row = box.current.contains(from) ? from.closest(".rows [aria-rowindex]") : null;
    const start = row ? Number(row.getAttribute("aria-rowindex")) - 2 : here;
    const next = Math.min(total - 1, Math.max(0, start + by));
    wanted.current = { figure: figuresOf(start).indexOf(from), from };
    setHere(next);
    if (next === here) land();
    const at = next * ROW;
    const view = box.current;
    if (at < view.scrollTop) view.scrollTop = at;
    if (at + ROW * 2 > view.scrollTop + view.clientHeight) view.scrollTop = at + ROW * 2 - view.clientHeight;
  };
  const choose = (index, through = false) => {
    const next = new Set(chosen);
    const on = !next.has(idOf(rowAt(index)));
    const [low, high] = through && last_.current >= 0 ? [last_.current, index].sort((a, b) => a - b) : [index, index];
    for (let i = low; i <= high; i++) {
      const id = idOf(rowAt(i));
      if (id) next[on ? "add" : "delete"](id);
    }
    last_.current = index;
    onChoose(next);
  };
  useKeys([
    { keys: "j", what: "next row", run: () => move(1) },
    { keys: "k", what: "row before", run: () => move(-1) },
    { keys: "arrowright", what: "a number of the row; Enter copies it", run: () => aside(1) },
    { keys: "arrowleft", what: "", run: () => aside(-1) },
    { keys: "enter", what: "", run: () => rowAt(here) && go(href(rowAt(here))) },
    ...(onChoose ? [{ keys: "x", what: "choose the row", run: () => rowAt(here) && choose(here) }] : []),
  ]);
  const shown = onChoose ? [TICK, ...columns] : columns;
  const template = shown.map((each) => (each.flex === 0 ? `${each.min}px` : `minmax(${each.min}px, ${each.flex ?? 1}fr)`)).join(" ");
  const wide = widthOf(shown);
  const cellOf = (column, row, index, lead) => {
    if (column.id === "choose") return html`<input type="checkbox" aria-label=${`Choose ${row.name}`} checked=${chosen.has(idOf(row))} onClick=${(e) => (e.stopPropagation(), choose(index, e.shiftKey))} />`;
    return lead ? html`<a class="cover" href=${href(row)}>${column.cell(row, index)}</a>` : column.cell(row, index);
  };
  const rows = [];
  for (let index = first; index < last; index++) {
    const row = rowAt(index);
    const place = { transform: `translateY(${index * ROW}px)` };
    const over = row && pointing && row.name === under;
    rows.push(row
      ? html`<div key=${index} role="row" aria-rowindex=${index + 2} aria-selected=${onChoose ? chosen.has(idOf(row)) : undefined} class="line ${index === here || over ? "here" : ""}" style=${place} onClick=${(e) => e.target.closest(".fig") && setHere(index)}
          onMouseEnter=${pointing ? () => point({ name: row.name }) : undefined} onMouseLeave=${pointing ? () => point({ name: null }) : undefined}>
          ${shown.map((each) => html`<span role="cell" class="cell ${each.num ? "num" : ""} ${each.id === "choose" ? "tick" : ""}">${cellOf(each, row, index, each === columns[0])}</span>`)}</div>`
      : html`<div key=${index} role="row" aria-rowindex=${index + 2} class="line" style=${place}><span role="cell" class="ghost"></span></div>`);
  }
  return html`<div class="table panel grow" style=${fit ? { height: `${Math.min(total, 12) * ROW + 36}px` } : { maxHeight: `${total * ROW + 36 + bar}px` }}>
    <div class="scroll" ref=${box} tabindex="0" role="region" aria-label=${label} onScroll=${(e) => setTop(e.currentTarget.scrollTop)}>
      <div class="canvas" role="table" aria-label=${label} aria-rowcount=${total + 1} style=${{ "--columns": template, minWidth: `${wide}px` }}>
        <div class="line top" role="row" aria-rowindex="1">
          ${shown.map((each) => html`<span role="columnheader" class="cell ${each.num ? "num" : ""}" title=${each.title} aria-sort=${sort?.id === each.sort && each.sort ? (sort.descending ? "descending" : "ascending") : undefined}>
            ${each.id === "choose" ? html`<span class="unseen">Chosen</span>` : each.sort ? html`<button onClick=${() => onSort(each.sort)}><span class="cut">${each.title}</span>${sort?.id === each.sort ? (sort.descending ? " ↓" : " ↑") : ""}</button>` : html`<span class="cut">${each.title}</span>`}${each.head ?? ""}</span>`)}
        </div>
        <div class="rows" role="rowgroup" style=${{ position: "relative", height: `${total * ROW}px` }}>${rows}</div>
      </div>
    </div></div>`;
};
