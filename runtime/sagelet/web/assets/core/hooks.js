// What components share: data that is fetched, time that goes on, where we are.
import { useEffect, useState, useRef } from "../vendor/preact-htm.js";
import { get } from "./api.js";
import { bind } from "./keys.js";
import { paced } from "./paced.js";
import { listen } from "./events.js";
import { change, region } from "./url.js";

/** [data, error, again]: the answer of a path, asked for again when it changes. What `again()` gives
 * is settled when its answer is there, or when another was asked for instead. */
export function useApi(path, query = {}, version = 0) {
  const key = JSON.stringify([path, query, region()]);
  const [state, set] = useState({ key: "", data: null, error: null });
  const [turn, next] = useState(0);
  const waiting = useRef([]);
  useEffect(() => {
    const told = waiting.current;
    waiting.current = [];
    const settled = () => told.forEach((tell) => tell());
    if (path === null) return settled();
    const stop = new AbortController();
    get(path, query, { signal: stop.signal }).then(
      (data) => set({ key, data, error: null }),
      (error) => error.name !== "AbortError" && set((old) => ({ key, data: old.key === key ? old.data : null, error })),
    ).finally(settled);
    return () => stop.abort();
  }, [key, turn, version]);
  const current = state.key === key;
  return [current ? state.data : null, current ? state.error : null, () => new Promise((tell) => {
    waiting.current.push(tell);
    next((each) => each + 1);
  })];
}

/** What calls back a moment later: once for many calls, and not before what the last call gave is settled. */
export function useSoon(call) {
  const latest = useRef(call);
  latest.current = call;
  const soon = useRef(null);
  soon.current ??= paced(() => latest.current());
  useEffect(() => soon.current.stop, []);
  return soon.current;
}

/** Seconds since 1970, told again every `every` seconds while `on`. */
export function useNow(every, on = true) {
  const [now, set] = useState(Date.now() / 1000);
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => document.hidden || set(Date.now() / 1000), every * 1000);
    return () => clearInterval(timer);
  }, [every, on]);
  return now;
}

/** Keys that work while the component is there; what they do is always that of the last drawing. */
export function useKeys(list) {
  const latest = useRef(list);
  latest.current = list;
  const shape = JSON.stringify(list.map((each) => [each.keys, each.what]));
  useEffect(() => bind(list.map((each, i) => ({ ...each, run: (event) => latest.current[i].run(event) }))), [shape]);
}

export function useTitle(text) {
  useEffect(() => {
    document.title = text ? `${text} · sagelet` : "sagelet";
  }, [text]);
}

/** A stream of events for as long as the component is there. */
export function useEvents(watch, handlers, cursor = {}, ready = true) {
  const latest = useRef(handlers);
  latest.current = handlers;
  const key = JSON.stringify([watch, region()]);
  useEffect(() => {
    if (!ready) return undefined;
    const through = new Proxy({}, { get: (_, kind) => (data) => latest.current[kind]?.(data) });
    return listen(watch, through, cursor);
  }, [key, ready]);
}

/** A part of the address's query, as state: [text, set]. What is `usual` is left out of it. */
export function useAsked(name, usual = "") {
  const [text, set] = useState(() => new URLSearchParams(location.search).get(name) ?? usual);
  useEffect(() => change({ [name]: text === usual ? "" : text }), [text]);
  return [text, set];
}

/** The same of a list. */
export function useAskedList(name) {
  const [list, set] = useState(() => new URLSearchParams(location.search).getAll(name));
  const key = JSON.stringify(list);
  useEffect(() => change({ [name]: list }), [key]);
  return [list, set];
}

/** Ask again when something tracked has changed. */
export const useTracked = (again, ready = true) => useChanged("tracked", again, ready);

/** Ask again when something is stored: objects, or the models of jobs. What was `found` before anybody
 * listened may be old. */
export const useStored = (again, found) => useChanged("stored", again, true, found !== null);

/** Ask again when something of a kind has changed, and not more often than the answers allow: `again`
 * gives what is settled when they are there. */
function useChanged(kind, again, ready, old = false) {
  const heard = useRef(false);
  const before = useRef(old);
  before.current = old;
  const soon = useSoon(again);
  useEvents({ [kind]: true }, {
    [kind]: soon,
    hello: () => {
      if (heard.current || before.current) soon(); // what was missed while there was no connection
      heard.current = true;
    },
  }, {}, ready);
}

/** Whether an element has been near the window: what was not is not made, nor asked for. */
export function useSeen(box, margin = "300px") {
  const [seen, set] = useState(false);
  useEffect(() => {
    if (seen || !box.current) return undefined;
    const watch = new IntersectionObserver(([entry]) => entry.isIntersecting && set(true), { rootMargin: margin });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [seen]);
  return seen;
}

/** An element's width in pixels. */
export function useWidth(box, first = 600) {
  const [width, set] = useState(first);
  useEffect(() => {
    const watch = new ResizeObserver(() => box.current && set(box.current.clientWidth));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return width;
}

/** How wide a page's contents may be, in pixels. */
export function useRoom() {
  const [room, set] = useState(roomOf);
  useEffect(() => {
    const hear = () => set(roomOf());
    addEventListener("resize", hear);
    return () => removeEventListener("resize", hear);
  }, []);
  return room;
}

/** The window without the column of pages and without margins, as the styles have them. */
function roomOf() {
  if (innerWidth <= 640) return innerWidth - 28;
  if (innerWidth <= 1040) return innerWidth - 56 - 40;
  return Math.min(innerWidth - 208, 1680) - 56;
}

export function useNarrow(query = "(max-width: 760px)") {
  const media = matchMedia(query);
  const [narrow, set] = useState(media.matches);
  useEffect(() => {
    const hear = () => set(media.matches);
    media.addEventListener("change", hear);
    return () => media.removeEventListener("change", hear);
  }, []);
  return narrow;
}

export function useDark() {
  return useNarrow("(prefers-color-scheme: dark)");
}
