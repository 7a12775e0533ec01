// A table of any length: only what is on screen is fetched and drawn.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { planned } from "../core/gathered.js";
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

/** `columns`: {id, title, min, flex, num, cell(row), heading(group), sort, head}; `total` rows; `rowAt(index)` is a
 * row or undefined, `need(page)` asks for a page of a hundred; `href(row)` is where a row leads.
 * `chosen` (keys of rows, or names) and `onChoose` make rows choosable; `pointing` rows tell of the pointer.
 * `groups`: {count, closed}, in the order of the rows; each has a heading, which `onFold(group)` closes or opens. */
export const Table = ({ columns, total, rowAt, need = () => {}, href, sort, onSort, label, chosen, onChoose, pointing = false, fit = false, groups = null, onFold }) => {
  const box = useRef(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [bar, setBar] = useState(0); // how high a scroll bar below it is
  const plan = useMemo(() => planned(total, groups), [total, groups]);
  const [place, setPlace] = useState({});
  const here = plan.lineOf(place);
  const last_ = useRef({});
  const wanted = useRef(null); // which number of the row, or -1: its link, gets the focus, and who has it
  const under = usePointed();
  const first = Math.max(0, Math.floor(top / ROW) - SPARE);
  const last = Math.min(plan.lines, Math.ceil((top + height) / ROW) + SPARE);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(() => {
      setHeight(box.current?.clientHeight ?? 600);
      setBar(box.current ? box.current.offsetHeight - box.current.clientHeight : 0);
    });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    const pages = new Set();
    for (let line = first; line < last; line++) pages.add(Math.floor((plan.at(line).row ?? NaN) / PAGE));
    for (const page of pages) if (page >= 0) need(page);
  });
  const rowOn = (line) => rowAt(plan.at(line).row ?? -1);
  const figuresOf = (line) => [...(box.current.querySelectorAll(`[aria-rowindex="${line + 2}"] .fig`) ?? [])];
  /** The focus on the row, once it is there; unless it went elsewhere meanwhile. */
  const land = () => {
    if (!wanted.current) return;
    const { figure, from } = wanted.current;
    const now = document.activeElement;
    const link = box.current.querySelector(`[aria-rowindex="${here + 2}"] .cover`);
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
    const next = Math.min(plan.lines - 1, Math.max(0, start + by));
    wanted.current = { figure: figuresOf(start).indexOf(from), from };
    setPlace(plan.at(next));
    if (next === here) land();
    const at = next * ROW;
    const view = box.current;
    if (at < view.scrollTop) view.scrollTop = at;
    if (at + ROW * 2 > view.scrollTop + view.clientHeight) view.scrollTop = at + ROW * 2 - view.clientHeight;
  };
  const choose = (line, through = false) => {
    const next = new Set(chosen);
    const on = !next.has(idOf(rowOn(line)));
    const from = plan.lineOf(last_.current);
    const [low, high] = through && from >= 0 ? [from, line].sort((a, b) => a - b) : [line, line];
    for (let i = low; i <= high; i++) {
      const id = idOf(rowOn(i));
      if (id) next[on ? "add" : "delete"](id);
    }
    last_.current = plan.at(line);
    onChoose(next);
  };
  const enter = () => {
    const row = rowOn(here);
    if (row) return go(href(row));
    const group = groups?.[plan.at(here).group];
    return group && onFold(group);
  };
  useKeys([
    { keys: "j", what: "next row", run: () => move(1) },
    { keys: "k", what: "row before", run: () => move(-1) },
    { keys: "arrowright", what: "a number of the row; Enter copies it", run: () => aside(1) },
    { keys: "arrowleft", what: "", run: () => aside(-1) },
    { keys: "enter", what: "", run: enter },
    ...(onChoose ? [{ keys: "x", what: "choose the row", run: () => rowOn(here) && choose(here) }] : []),
  ]);
  const shown = onChoose ? [TICK, ...columns] : columns;
  const template = shown.map((each) => (each.flex === 0 ? `${each.min}px` : `minmax(${each.min}px, ${each.flex ?? 1}fr)`)).join(" ");
  const wide = widthOf(shown);
  const cellOf = (column, row, line) => {
    if (column.id === "choose") return html`<input type="checkbox" aria-label=${`Choose ${row.name}`} checked=${chosen.has(idOf(row))} onClick=${(e) => (e.stopPropagation(), choose(line, e.shiftKey))} />`;
    const cell = column.cell(row, plan.at(line).row);
    return column === columns[0] ? html`<a class="cover" href=${href(row)}>${cell}</a>` : cell;
  };
  const headingOf = (column, group) => (column === columns[0] ? html`<button class="cover" aria-expanded=${!group.closed} onClick=${() => onFold(group)}>${column.heading(group)}</button>` : column.heading?.(group));
  const rows = [];
  for (let line = first; line < last; line++) {
    const group = groups?.[plan.at(line).group];
    const row = group ? undefined : rowOn(line);
    const over = row && pointing && row.name === under;
    const its = { role: "row", "aria-rowindex": line + 2, style: { transform: `translateY(${line * ROW}px)` }, onClick: (e) => e.target.closest(".fig") && setPlace(plan.at(line)) };
    const lit = line === here || over ? "here" : "";
    const cells = (of) => shown.map((each) => html`<span role="cell" class="cell ${each.num ? "num" : ""} ${each.id === "choose" ? "tick" : ""}">${of(each)}</span>`);
    if (group) rows.push(html`<div key=${line} class="line heading ${lit}" ...${its}>${cells((each) => headingOf(each, group))}</div>`);
    else if (row) {
      rows.push(html`<div key=${line} aria-selected=${onChoose ? chosen.has(idOf(row)) : undefined} class="line ${lit}" ...${its}
          onMouseEnter=${pointing ? () => point({ name: row.name }) : undefined} onMouseLeave=${pointing ? () => point({ name: null }) : undefined}>${cells((each) => cellOf(each, row, line))}</div>`);
    } else rows.push(html`<div key=${line} class="line" ...${its}><span role="cell" class="ghost"></span></div>`);
  }
  return html`<div class="table panel grow" style=${fit ? { height: `${Math.min(plan.lines, 12) * ROW + 36}px` } : { maxHeight: `${plan.lines * ROW + 36 + bar}px` }}>
    <div class="scroll" ref=${box} tabindex="0" role="region" aria-label=${label} onScroll=${(e) => setTop(e.currentTarget.scrollTop)}>
      <div class="canvas" role="table" aria-label=${label} aria-rowcount=${plan.lines + 1} style=${{ "--columns": template, minWidth: `${wide}px` }}>
        <div class="line top" role="row" aria-rowindex="1">
          ${shown.map((each) => html`<span role="columnheader" class="cell ${each.num ? "num" : ""}" title=${each.title} aria-sort=${sort?.id === each.sort && each.sort ? (sort.descending ? "descending" : "ascending") : undefined}>
            ${each.id === "choose" ? html`<span class="unseen">Chosen</span>` : each.sort ? html`<button onClick=${() => onSort(each.sort)}><span class="cut">${each.title}</span>${sort?.id === each.sort ? (sort.descending ? " ↓" : " ↑") : ""}</button>` : html`<span class="cut">${each.title}</span>`}${each.head ?? ""}</span>`)}
        </div>
        <div class="rows" role="rowgroup" style=${{ position: "relative", height: `${plan.lines * ROW}px` }}>${rows}</div>
      </div>
    </div></div>`;
};
