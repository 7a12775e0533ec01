// A window of lines on a log of any length: it moves, follows the end, filters and jumps to a line.
import { get } from "../core/api.js";
import { matcher } from "../core/find.js";
import { plural } from "../core/format.js";
import { atEnd, behind as newOf, furthest, part, percent, placesOf, split, total } from "../core/lanes.js";
import { change } from "../core/url.js";
import { point, put } from "./log-lines.js";

const PAGE = 400;
/** Who follows and is further behind than this is shown the end, in bytes. */
const FAR = 1 << 20;

/** What a window tells before it shows anything: what it says, where a search that found enough goes
 * on, which part of the log is shown, new lines behind it, bytes, and whether it follows. */
export const SILENT = { status: "", rest: null, place: [0, 1], behind: 0, size: 0, follow: true };

/** A window in the element of `box`, on the logs under `path`. `view()`: what is wanted now: lanes
 * (none: all), search, times; `tell` hears what of SILENT changes; `clear` ends the search and
 * `reveal` brings the window into sight, for a line; `line` is where to begin instead of the end. */
export function logWindow({ job, path, box, most, view, tell, clear, reveal, line }) {
  const here = { id: null, start: {}, end: {}, sizes: {}, atEnd: false, busy: false, turn: 0, hits: 0, behind: 0, follow: true, lastTop: 0 };
  const ask = (what, query) => get(`${path}/${what}`, { lane: view().wanted, ...query });
  const lines = (at, back, count = PAGE) => ask("lines", { at: typeof at === "string" ? at : JSON.stringify(at), back, count });
  const fill = (page, where) => box.current && put(box.current, page, where, { job, view: view(), here, most });
  const filtering = () => view().only && view().text !== "";
  const failed = (refused) => box.current && tell({ status: refused.message });
  const follow = (does) => tell({ follow: (here.follow = does) });
  const missed = (count) => tell({ behind: (here.behind = count) });
  const toBottom = () => (box.current.scrollTop = box.current.scrollHeight);

  const measure = () => {
    tell({ size: total(here.sizes), place: [part(here.start, here.sizes), part(here.end, here.sizes)] });
  };
  /** What is asked for now; what was asked for before comes too late. */
  const begin = () => {
    here.busy = false;
    here.id = view().id;
    return ++here.turn;
  };
  const late = (turn) => turn !== here.turn || !box.current;
  /** A window begins or ends elsewhere; what was printed while it was asked for is not in it. */
  const arrive = (page, places) => {
    Object.assign(here, places, { sizes: placesOf(furthest(here.sizes, page.sizes), view().wanted) });
    here.busy = false;
    here.atEnd = atEnd(here);
    if (here.atEnd) missed(0);
    measure();
  };
  /** Who follows gets what came meanwhile too. */
  const catchUp = (page) => {
    if (!here.follow || here.atEnd || !page.lines.length) return;
    if ((1 - part(here.end, here.sizes)) * total(here.sizes) > FAR) show("end");
    else extend(false);
  };
  const show = async (at, { back = true, mark = null } = {}) => {
    const turn = begin();
    here.busy = true;
    try {
      const page = await lines(at, back);
      if (late(turn)) return undefined;
      fill(page, "all");
      arrive(page, { start: page.start, end: page.end });
      if (mark) {
        const found = point(box.current, mark)?.getBoundingClientRect();
        const room = box.current.getBoundingClientRect();
        if (found) box.current.scrollTop += (found.top + found.bottom - room.top - room.bottom) / 2;
      } else if (back) toBottom();
      else box.current.scrollTop = 0;
      catchUp(page);
      return page;
    } catch (refused) {
      if (turn === here.turn) here.busy = false;
      if (!here.started) throw refused;
      failed(refused);
      return undefined;
    }
  };
  const extend = async (back) => {
    const { turn } = here;
    here.busy = true;
    try {
      const page = await lines(back ? here.start : here.end, back);
      if (late(turn)) return;
      fill(page, back ? "start" : "end");
      arrive(page, back ? { start: page.start } : { end: page.end });
      if (!back && here.follow) toBottom();
      catchUp(page);
    } catch (refused) {
      if (turn === here.turn) here.busy = false;
      failed(refused);
    }
  };
  const around = async (mark) => {
    const turn = begin();
    const [which, offset] = split(mark);
    follow(false);
    const before = await lines({ [which]: Number(offset) }, true, 60);
    if (late(turn)) return;
    if (filtering()) {
      here.jumped = true; // out of what was found, and not to the end
      clear();
    }
    if (await show(before.start, { back: false, mark })) change({ line: mark, jump: "" });
  };
  const filter = async (from = "start") => {
    const turn = begin();
    if (from === "start") {
      box.current?.replaceChildren();
      here.hits = 0;
    }
    here.atEnd = false;
    tell({ rest: null });
    const { text, regex } = view();
    let at = from;
    try {
      for (let shown = 0; ; ) {
        const found = await ask("find", { text, regex, at, count: Math.min(500, most - shown) });
        if (late(turn)) return;
        shown += found.lines.length;
        here.hits += found.lines.length;
        Object.assign(here, { end: found.end, sizes: placesOf(furthest(here.sizes, found.sizes), view().wanted), start: {} });
        fill(found, "end");
        const before = at;
        at = JSON.stringify(found.end);
        const over = found.over && (atEnd(here) || at === before); // else it has grown meanwhile
        const full = !over && shown >= most;
        tell({ status: `${plural(here.hits, "line")}${over ? "" : `, ${percent(found.end, here.sizes)} looked at${full ? "" : " …"}`}` });
        if (over) break;
        if (full) return tell({ rest: at }); // more than a page holds: on demand
      }
      here.atEnd = true;
    } catch (refused) {
      if (late(turn)) return;
      here.atEnd = from !== "start"; // what went on goes on with the next event
      failed(refused);
    }
  };

  /** What the search finds of the news. */
  const filterNews = (news) => {
    if (!here.atEnd) return undefined; // what looks through the log comes to them
    const { text, regex } = view();
    if (news.gap || (regex && news.lines.length)) return filter(JSON.stringify(here.end));
    const test = matcher(text);
    const hits = { ...news, lines: news.lines.filter((each) => test(each[3])) };
    if (hits.lines.length) fill(hits, "end");
    here.hits += hits.lines.length;
    tell({ status: plural(here.hits, "line") });
    here.end = furthest(here.end, news.end);
    return seen();
  };
  const seen = () => {
    if (here.follow && box.current) toBottom();
    measure();
  };
  const hear = (event) => {
    const { id, wanted } = view();
    if (here.id !== id || !box.current) return undefined; // what is about to be shown is asked for
    const news = newOf(event, here.end, wanted);
    here.sizes = furthest(here.sizes, news.sizes);
    if (filtering()) return filterNews(news);
    if (here.atEnd && !here.busy && (!news.gap || (event.skipped && here.follow && !wanted.length))) {
      if (news.gap) here.start = news.start;
      fill(news, news.gap ? "all" : "end");
      here.end = furthest(here.end, news.end);
    } else if (here.busy || !here.follow) {
      if (news.gap && !here.busy) here.atEnd = false;
      if (!here.follow) missed(here.behind + news.lines.length);
    } else if (event.skipped) show("end");
    else extend(false); // what is between
    return seen();
  };
  const scrolled = () => {
    const lines = box.current;
    if (!lines) return; // it scrolled a last time as it went
    const low = lines.scrollTop < 300;
    const left = lines.scrollHeight - lines.scrollTop - lines.clientHeight;
    const bottom = left < 4;
    if (bottom && here.atEnd && !here.follow) follow(true);
    if (!bottom && here.follow && lines.scrollTop < here.lastTop) follow(false);
    here.lastTop = lines.scrollTop;
    if (here.busy || filtering() || here.id !== view().id) return;
    if (low && Object.values(here.start).some((each) => each > 0)) extend(true);
    else if (left < 300 && !here.atEnd) extend(false);
  };

  return {
    hear, scrolled, follow, failed, around,
    /** Show what is to be seen first; `end`: the end, whatever is searched for. */
    start: async (end = false) => {
      here.begun = true;
      if (line) await around(line);
      else if (filtering() && !end) await filter();
      else await show("end");
      here.started = true;
    },
    /** Whether what is shown is not what is wanted any more. */
    stale: () => {
      const is = here.started && !here.jumped;
      here.jumped = false;
      return is;
    },
    anew: () => {
      if (filtering()) return filter();
      tell({ status: "" });
      return show("end");
    },
    goOn: filter,
    /** Bring a line into sight, also where nothing was shown yet. */
    goTo: (mark) => {
      reveal();
      if (here.begun) return around(mark);
      line = mark;
      return undefined;
    },
    toEnd: () => {
      follow(true);
      missed(0);
      if (!here.begun) return;
      if (here.atEnd) toBottom();
      else show("end");
    },
    /** Go to a part of the log, from 0 to 1. */
    toPart: (place) => {
      follow(false);
      lines(Object.fromEntries(Object.entries(here.sizes).map(([each, bytes]) => [each, Math.floor(bytes * place)])), true, 1)
        .then((page) => box.current && show(page.start, { back: false }))
        .catch(failed);
    },
    /** Up to where events are not needed any more. */
    reached: () => (here.atEnd ? here.end : here.sizes),
  };
}
