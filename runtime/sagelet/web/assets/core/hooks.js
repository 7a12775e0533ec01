// What components share: data that is fetched, time that goes on, where we are.
import { useEffect, useState, useRef } from "../vendor/preact-htm.js";
import { get } from "./api.js";
import { bind } from "./keys.js";
import { listen } from "./events.js";

/** [data, error, again]: the answer of a path, asked for again when it changes. */
export function useApi(path, query = {}, version = 0) {
  const key = JSON.stringify([path, query]);
  const [state, set] = useState({ key: "", data: null, error: null });
  const [turn, next] = useState(0);
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    get(path, query, { signal: stop.signal }).then(
      (data) => set({ key, data, error: null }),
      (error) => error.name !== "AbortError" && set((old) => ({ key, data: old.key === key ? old.data : null, error })),
    );
    return () => stop.abort();
  }, [key, turn, version]);
  const current = state.key === key;
  return [current ? state.data : null, current ? state.error : null, () => next((each) => each + 1)];
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

export function useKeys(list, when = []) {
  useEffect(() => bind(list), when);
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
  const key = JSON.stringify(watch);
  useEffect(() => {
    if (!ready) return undefined;
    const through = new Proxy({}, { get: (_, kind) => (data) => latest.current[kind]?.(data) });
    return listen(watch, through, cursor);
  }, [key, ready]);
}
