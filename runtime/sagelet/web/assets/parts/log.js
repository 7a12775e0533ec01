// A log of any length: a window of lines that moves, follows, filters and jumps. The lines are
// made by hand, not by the framework: thousands a second come and go.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { colorOf, isDark } from "../core/colors.js";
import { found, looksWrong, matcher } from "../core/find.js";
import { clock, count, plural, size } from "../core/format.js";
import { useKeys } from "../core/hooks.js";
import { jobPage, jobPath } from "../core/jobs.js";
import { atEnd, behind as newOf, furthest, labelOf, laneOf, percent, placesOf, split } from "../core/lanes.js";
import { change, region } from "../core/url.js";
import { copy, Empty, Failed, Loading } from "./basics.js";

/** Lines that are kept on the page. */
const MOST = 4000;
const PAGE = 400;
/** Who follows and is further behind than this is shown the end, in bytes. */
const FAR = 1 << 20;
/** Longer lines are not looked at for metrics: a pattern of a user's may take its time. */
const LONG = 600;

export const LogView = ({ kind = "training", name, running, hear, ready, definitions = [] }) => {
  const query = useRef(new URLSearchParams(location.search)).current;
  const path = jobPath({ kind, name });
  const box = useRef(null);
  const here = useRef({ start: {}, end: {}, sizes: {}, atEnd: false, busy: false, lanes: [] }).current;
  const [known, setKnown] = useState(null); // lanes of the job
  const [error, setError] = useState(null);
  const [turn, setTurn] = useState(0); // how often it was begun
  const [lane, setLane] = useState(query.get("host") ?? "");
  const [follow, setFollow] = useState(!query.get("line") && !query.get("jump"));
  const [wrap, setWrap] = useState(query.get("wrap") === "1");
  const [times, setTimes] = useState(query.get("times") === "1");
  const [text, setText] = useState(query.get("find") ?? "");
  const [regex, setRegex] = useState(query.get("regex") === "1");
  const [only, setOnly] = useState(Boolean(query.get("find")));
  const [status, setStatus] = useState("");
  const [rest, setRest] = useState(null); // where a search that found enough goes on
  const [place, setPlace] = useState([0, 1]);
  const [behind, setBehind] = useState(0);
  const follows = useRef(follow);
  follows.current = follow;
  const view = useRef({});
  const measures = useMemo(() => patterns(definitions), [definitions]);
  view.current = { times, text, regex, only, lane, lanes: known ?? [], measures };
  const filtering = only && text !== "";
  const asked = () => (view.current.lane ? { lane: view.current.lane } : {});

  const measure = () => {
    const total = Object.values(here.sizes).reduce((sum, each) => sum + each, 0) || 1;
    const at = (places) => Object.entries(here.sizes).reduce((sum, [each]) => sum + (places[each] ?? 0), 0) / total;
    setPlace([at(here.start), at(here.end)]);
  };
  const fill = (page, where) => {
    const lines = box.current;
    if (!lines) return;
    const fragment = document.createDocumentFragment();
    const many = view.current.lanes.length > 1 && !view.current.lane;
    for (const each of page.lines) fragment.append(lineOf({ kind, name }, page.lanes[each[0]], each, view.current, many));
    if (where === "all") {
      lines.replaceChildren(fragment);
    } else if (where === "end") {
      lines.append(fragment);
      trim(lines, here, true);
    } else {
      const before = lines.scrollHeight;
      const at = lines.scrollTop;
      lines.prepend(fragment);
      lines.scrollTop = at + lines.scrollHeight - before;
      trim(lines, here, false);
    }
  };
  /** What is asked for now; what was asked for before comes too late. */
  const begin = () => {
    here.busy = false;
    here.lane = view.current.lane;
    return (here.turn = (here.turn ?? 0) + 1);
  };
  /** A window begins or ends elsewhere; what was printed while it was asked for is not in it. */
  const arrive = (page, places) => {
    Object.assign(here, places, { sizes: placesOf(furthest(here.sizes, page.sizes), here.lane) });
    here.busy = false;
    here.atEnd = atEnd(here);
    if (here.atEnd) setBehind(0);
    measure();
  };
  /** Who follows gets what came meanwhile too. */
  const catchUp = (page) => {
    if (!follows.current || here.atEnd || !page.lines.length) return;
    const missing = Object.entries(here.sizes).reduce((sum, [each, bytes]) => sum + bytes - (here.end[each] ?? 0), 0);
    if (missing > FAR) show("end");
    else extend(false);
  };
  const show = async (at, { back = true, mark = null } = {}) => {
    const turn = begin();
    here.busy = true;
    try {
      const page = await get(`${path}/lines`, { ...asked(), at: typeof at === "string" ? at : JSON.stringify(at), back, count: PAGE });
      if (turn !== here.turn || !box.current) return;
      here.lanes = page.lanes;
      fill(page, "all");
      arrive(page, { start: page.start, end: page.end });
      if (mark) {
        const found = box.current.querySelector(`[data-at="${CSS.escape(mark)}"]`);
        found?.classList.add("here");
        found?.scrollIntoView({ block: "center" });
      } else if (back) box.current.scrollTop = box.current.scrollHeight;
      else box.current.scrollTop = 0;
      catchUp(page);
      return page;
    } catch (refused) {
      if (turn === here.turn) here.busy = false;
      if (!here.started) throw refused;
      failed(refused);
    }
  };
  const failed = (refused) => box.current && setStatus(refused.message);
  const around = async (mark) => {
    const turn = begin();
    const [which, offset] = split(mark);
    setFollow(false);
    const before = await get(`${path}/lines`, { ...asked(), at: JSON.stringify({ [which]: Number(offset) }), back: true, count: 60 });
    if (turn !== here.turn || !box.current) return;
    if (view.current.only && view.current.text) {
      here.jumped = true; // out of what was found, and not to the end
      setText("");
      setOnly(false);
    }
    if (await show(before.start, { back: false, mark })) change({ line: mark, jump: "" });
  };
  const jump = async () => {
    const mine = (here.jump = {});
    const over = () => here.jump !== mine || !box.current;
    setStatus("Looking for errors …");
    try {
      for (let at = "start"; ; ) {
        const found = await get(`${path}/find`, { ...asked(), errors: true, at, count: 1 });
        if (over()) return;
        if (found.lines.length) {
          setStatus("");
          return await around(`${found.lanes[found.lines[0][0]]}:${found.lines[0][1]}`);
        }
        if (found.over) return setStatus("No line looks like an error.");
        at = JSON.stringify(found.end);
        setStatus(`Looked at ${percent(found.end, found.sizes)} of the log …`);
      }
    } catch (refused) {
      if (!over()) failed(refused);
    }
  };
  /** Somebody wants to see something else than the first error. */
  const quit = () => {
    if (!here.jump) return;
    here.jump = null;
    setStatus("");
  };
  const filter = async (from = "start") => {
    const turn = begin();
    if (from === "start") {
      box.current?.replaceChildren();
      here.hits = 0;
    }
    here.atEnd = false;
    setRest(null);
    let at = from;
    try {
      for (let shown = 0; ; ) {
        const found = await get(`${path}/find`, { ...asked(), text, regex, at, count: Math.min(500, MOST - shown) });
        if (turn !== here.turn || !box.current) return;
        shown += found.lines.length;
        here.hits += found.lines.length;
        Object.assign(here, { end: found.end, sizes: placesOf(furthest(here.sizes, found.sizes), here.lane), start: {}, lanes: found.lanes });
        fill(found, "end");
        const before = at;
        at = JSON.stringify(found.end);
        const over = found.over && (atEnd(here) || at === before); // else it has grown meanwhile
        const full = !over && shown >= MOST;
        setStatus(`${plural(here.hits, "line")}${over ? "" : `, ${percent(found.end, here.sizes)} looked at${full ? "" : " …"}`}`);
        if (over) break;
        if (full) return setRest(at); // more than a page holds: on demand
      }
      here.atEnd = true;
    } catch (refused) {
      if (turn !== here.turn || !box.current) return;
      here.atEnd = from !== "start"; // what went on goes on with the next event
      failed(refused);
    }
  };

  /** The lanes of the job; the address may name a host, whose newest lane is meant. */
  const learn = (lanes) => {
    setKnown(lanes);
    view.current.lanes = lanes;
    const meant = lanes.length ? laneOf(view.current.lane, lanes) : view.current.lane;
    if (meant === view.current.lane) return;
    here.jumped = true; // what is shown first is of that lane already
    view.current.lane = meant;
    setLane(meant);
  };
  // The first page, and where the stream goes on.
  useEffect(() => {
    let gone = false;
    get(path).then(async (job) => {
      if (gone) return;
      learn(job.lanes);
      if (!job.lanes.length) return ready({});
      await start();
      if (gone) return;
      here.started = true;
      // Of all hosts, whichever is shown: another one may be chosen.
      const sizes = Object.fromEntries(job.lanes.map((each) => [each.id, each.size]));
      ready({ ...sizes, ...(here.atEnd ? here.end : here.sizes) });
    }).catch((refused) => {
      if (gone) return;
      setError(refused);
      if (refused.status) ready({}); // the stream tells if the job is gone
    });
    return () => (gone = true);
  }, [turn]);
  const start = async () => {
    if (query.get("line")) return around(query.get("line"));
    if (query.get("jump") === "error") {
      query.delete("jump");
      await show("end");
      jump(); // the log is live meanwhile
      return undefined;
    }
    if (view.current.only && view.current.text) return filter();
    return show("end");
  };
  useEffect(() => {
    if (!here.started || here.jumped) {
      here.jumped = false;
      return undefined;
    }
    quit();
    const timer = setTimeout(() => {
      if (filtering) filter();
      else {
        setStatus("");
        show("end");
      }
    }, 200);
    return () => clearTimeout(timer);
  }, [lane, filtering && text, filtering && regex, filtering]);
  useEffect(() => change({ host: lane, wrap: wrap ? "1" : "", times: times ? "1" : "", find: only ? text : "", regex: regex ? "1" : "" }), [lane, wrap, times, text, regex, only]);
  useLayoutEffect(() => box.current?.classList.toggle("wrap", wrap), [wrap, known]);
  useEffect(() => {
    box.current?.querySelectorAll(".tm").forEach((each) => (each.hidden = !times));
  }, [times]);

  hear.current = (event) => {
    if (!known?.length) {
      learn(event.known);
      here.started = true;
      requestAnimationFrame(() => show("end"));
      return;
    }
    if (event.known.length !== known.length) setKnown(event.known);
    if (here.lane !== lane || !box.current) return; // what is about to be shown is asked for
    const news = newOf(event, here.end, lane);
    here.sizes = furthest(here.sizes, news.sizes);
    if (filtering) {
      if (!here.atEnd) return; // what looks through the log comes to them
      if (news.gap || (regex && news.lines.length)) return filter(JSON.stringify(here.end));
      const test = matcher(text);
      const hits = { ...news, lines: news.lines.filter((each) => test(each[3])) };
      if (hits.lines.length) fill(hits, "end");
      here.hits += hits.lines.length;
      setStatus(plural(here.hits, "line"));
      here.end = furthest(here.end, news.end);
    } else if (here.atEnd && !here.busy && (!news.gap || (event.skipped && follows.current && !lane))) {
      if (news.gap) here.start = news.start;
      fill(news, news.gap ? "all" : "end");
      here.end = furthest(here.end, news.end);
    } else if (here.busy || !follows.current) {
      if (news.gap && !here.busy) here.atEnd = false;
      if (!follows.current) setBehind((old) => old + news.lines.length);
    } else if (event.skipped) show("end");
    else extend(false); // what is between
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
    measure();
  };

  const scrolled = async () => {
    const lines = box.current;
    if (!lines) return; // it scrolled a last time as it went
    const low = lines.scrollTop < 300;
    const high = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 300;
    const bottom = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 4;
    if (bottom && here.atEnd && !follows.current) setFollow(true);
    if (!bottom && follows.current && lines.scrollTop < (here.lastTop ?? 0)) setFollow(false);
    here.lastTop = lines.scrollTop;
    if (here.busy || filtering || here.lane !== lane) return;
    if (low && Object.values(here.start).some((each) => each > 0)) await extend(true);
    else if (high && !here.atEnd) await extend(false);
  };
  const extend = async (back) => {
    const { turn } = here;
    here.busy = true;
    try {
      const page = await get(`${path}/lines`, { ...asked(), at: JSON.stringify(back ? here.start : here.end), back, count: PAGE });
      if (turn !== here.turn || !box.current) return;
      fill(page, back ? "start" : "end");
      arrive(page, back ? { start: page.start } : { end: page.end });
      if (!back && follows.current) box.current.scrollTop = box.current.scrollHeight;
      catchUp(page);
    } catch (refused) {
      if (turn === here.turn) here.busy = false;
      failed(refused);
    }
  };
  const toEnd = () => {
    quit();
    setFollow(true);
    setBehind(0);
    if (here.atEnd) box.current.scrollTop = box.current.scrollHeight;
    else show("end");
  };
  const toPlace = (event) => {
    const bar = event.currentTarget.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientY - bar.top) / bar.height));
    quit();
    setFollow(false);
    get(`${path}/lines`, { ...asked(), at: JSON.stringify(Object.fromEntries(Object.entries(here.sizes).map(([each, bytes]) => [each, Math.floor(bytes * part)]))), back: true, count: 1 })
      .then((page) => box.current && show(page.start, { back: false }))
      .catch(failed);
  };
  useKeys([
    { keys: ".", what: "follow the log", run: () => (follow ? setFollow(false) : toEnd()) },
    { keys: "w", what: "wrap lines", run: () => setWrap((each) => !each) },
    { keys: "t", what: "times of lines", run: () => setTimes((each) => !each) },
    { keys: "e", what: "first error", run: () => jump() },
    { keys: "f", what: "search the log", run: () => document.getElementById("logsearch")?.focus() },
  ]);

  const again = () => {
    setError(null);
    setTurn((each) => each + 1);
  };
  if (error) return html`<${Failed} error=${error} head="h2" again=${again} />`;
  if (known === null) return html`<${Loading} />`;
  if (!known.length) {
    return html`<section class="panel"><${Empty} title=${running ? "Nothing was printed yet" : "It printed nothing"}><p class="quiet">${running ? "Lines show up here as the hosts print them." : "No host of this job came as far as printing a line."}</p><//></section>`;
  }
  const at = region();
  return html`<section class="panel log" aria-label="Log">
    <div class="bar">
      ${known.length > 1 && html`<label><span class="unseen">Host</span><select class="select small" value=${lane} onChange=${(e) => setLane(e.currentTarget.value)}><option value="">all ${known.length} hosts</option>${known.map((each) => html`<option value=${each.id}>${labelOf(each, known)}</option>`)}</select></label>`}
      <label class="grow" style=${{ maxWidth: "360px" }}><span class="unseen">Search the log</span><input id="logsearch" class="input small" style=${{ width: "100%" }} type="search" placeholder="Search" value=${text} onInput=${(e) => (setText(e.currentTarget.value), setOnly(true))} /></label>
      <button class="button small" aria-pressed=${regex} title="The text is a regular expression" onClick=${() => setRegex(!regex)}>.*</button>
      <button class="button small" onClick=${() => jump()}>First error</button>
      <span class="quiet cut grow" role="status" aria-live="polite">${status || `${size(Object.values(here.sizes).reduce((a, b) => a + b, 0))}`}</span>
      ${rest && filtering && html`<button class="button small" onClick=${() => filter(rest)}>Go on</button>`}
      <button class="button small" aria-pressed=${times} onClick=${() => setTimes(!times)}>Times</button>
      <button class="button small" aria-pressed=${wrap} onClick=${() => setWrap(!wrap)}>Wrap</button>
      <button class="button small" aria-pressed=${follow} onClick=${() => (follow ? setFollow(false) : toEnd())}>Follow</button>
      <a class="button small" download href=${`/_api/${path}/log${lane || known.length === 1 ? `/${encodeURIComponent(lane || known[0].id)}` : ""}${at ? `?region=${encodeURIComponent(at)}` : ""}`}>Download</a>
    </div>
    <div class="view"><div class="lines" ref=${box} tabindex="0" role="log" aria-live="off" aria-label="Lines" onScroll=${scrolled}
        onClick=${(e) => {
          const number = e.target.closest("a.no");
          if (!number) return;
          e.preventDefault();
          e.stopPropagation();
          const mark = number.parentElement.dataset.at;
          quit();
          if (filtering) around(mark).catch(failed);
          else {
            box.current.querySelectorAll(".here").forEach((each) => each.classList.remove("here"));
            number.parentElement.classList.add("here");
            change({ line: mark });
            copy(location.href);
          }
        }}></div>
      ${!filtering && html`<div class="where" aria-hidden="true" onClick=${toPlace}><i style=${{ top: `${place[0] * 100}%`, height: `${Math.max(0, place[1] - place[0]) * 100}%` }}></i></div>`}
      ${behind > 0 && html`<button class="button main small more" onClick=${toEnd}>${plural(behind, "new line")}</button>`}
    </div></section>`;
};

function lineOf(job, lane, [, offset, time, text, marks], { times, text: wanted, regex, only, lanes, measures }, many) {
  const line = document.createElement("div");
  if (looksWrong(text)) line.className = "ln error";
  else line.className = text.length < LONG && measures.some((each) => each.test(text)) ? "ln measure" : "ln";
  line.dataset.at = `${lane}:${offset}`;
  const number = document.createElement("a");
  number.className = "no";
  number.href = jobPage(job, ["logs"], { line: line.dataset.at });
  number.textContent = "¶";
  number.title = "Link to this line";
  number.tabIndex = -1;
  const when = document.createElement("a");
  when.className = "tm";
  when.textContent = clock(time / 1000);
  when.hidden = !times;
  line.append(number, when);
  if (many) {
    const host = document.createElement("span");
    host.className = "host";
    host.textContent = labelOf(lanes.find((each) => each.id === lane) ?? { id: lane, host: lane }, lanes);
    host.style.color = colorOf(host.textContent, isDark());
    line.append(host);
  }
  const body = document.createElement("span");
  body.className = "tx";
  for (const piece of found(text, regex ? "" : wanted, marks)) {
    const span = document.createElement(piece.marked ? "mark" : "span");
    span.className = piece.classes;
    span.textContent = piece.text;
    body.append(span);
  }
  line.append(body);
  return line;
}

/** The patterns of MetricDefinitions that this browser understands. */
function patterns(definitions) {
  return definitions.flatMap((each) => {
    try {
      return [new RegExp(each.Regex)];
    } catch {
      return [];
    }
  });
}

/** Take away what is too much, and know where the window now begins or ends. */
function trim(lines, here, fromTop) {
  let extra = lines.childElementCount - MOST;
  if (extra <= 0) return;
  const before = lines.scrollHeight;
  const moved = {};
  while (extra-- > 0) {
    const gone = fromTop ? lines.firstElementChild : lines.lastElementChild;
    const [lane, offset] = split(gone.dataset.at);
    moved[lane] = Number(offset);
    gone.remove();
  }
  if (fromTop) {
    // The next line of each lane that is still there is where it begins now.
    for (const lane of Object.keys(moved)) {
      const next = [...lines.children].find((each) => split(each.dataset.at)[0] === lane);
      here.start[lane] = next ? Number(split(next.dataset.at)[1]) : here.end[lane];
    }
    lines.scrollTop -= before - lines.scrollHeight;
  } else {
    Object.assign(here.end, moved);
    here.atEnd = false;
  }
}
