// The log of a job: of all its hosts merged, of one, or of each beside the others.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { firstError } from "../core/first-error.js";
import { useKeys } from "../core/hooks.js";
import { jobPath } from "../core/jobs.js";
import { furthest, hostsOf, laneOf, split, total, wantedOf } from "../core/lanes.js";
import { change } from "../core/url.js";
import { Empty, Failed, Loading } from "./basics.js";
import { LogBar, SIDE } from "./log-bar.js";
import { LogLanes } from "./log-lanes.js";
import { patterns } from "./log-lines.js";
import { LogPane } from "./log-pane.js";
import { SILENT } from "./log-window.js";

/** Lines that are kept on the page of one window; of each of several. */
const MOST = 4000;
const BESIDE = 1000;

export const LogView = ({ kind = "training", name, running, hear, ready, definitions = [] }) => {
  const query = useRef(new URLSearchParams(location.search)).current;
  const [known, setKnown] = useState(null); // lanes of the job
  const [error, setError] = useState(null);
  const [turn, setTurn] = useState(0); // how often it was begun
  const [side, setSide] = useState(query.get("side") === "1");
  const [lane, setLane] = useState(side ? "" : query.get("host") ?? "");
  const [wrap, setWrap] = useState(query.get("wrap") === "1");
  const [times, setTimes] = useState(query.get("times") === "1");
  const [text, setText] = useState(query.get("find") ?? "");
  const [regex, setRegex] = useState(query.get("regex") === "1");
  const [only, setOnly] = useState(Boolean(query.get("find")));
  const [told, setTold] = useState({}); // what each window told, by its host; "" is the bar's
  const sizes = useRef({});
  const measures = useMemo(() => patterns(definitions), [definitions]);
  const of = (host) => ({ ...SILENT, ...told[host] });
  /** What the windows have in common; it stays the same object. */
  const log = useMemo(() => ({
    job: { kind, name }, path: jobPath({ kind, name }), windows: new Map(), seeking: null,
    first: { line: query.get("line"), jump: query.get("jump") === "error" },
    hostOf: (mark) => log.latest.lanes.find((each) => each.id === split(mark)[0])?.host,
    lineFor: (host) => (!host || (log.first.line && log.hostOf(log.first.line) === host) ? log.first.line : null),
    tell: (host, changes) => setTold((old) => ({ ...old, [host]: { ...old[host], ...changes } })),
    clear: () => (setText(""), setOnly(false)),
    /** Somebody wants to see something else than the first error. */
    quit: () => {
      if (!log.seeking) return;
      log.seeking = null;
      log.tell("", { status: "" });
    },
    /** A window shows something: from there on events are wanted. The log is live while an error is sought. */
    begun: (here) => {
      if (log.live) return;
      log.live = true;
      const { line, jump } = log.first;
      log.first.jump = false;
      if (jump && !line) log.jump();
      // Of all hosts, whichever is shown: another one may be chosen.
      log.ready({ ...sizes.current, ...here.reached() });
    },
    /** The stream tells if the job is gone. */
    refused: (why) => why.status && log.ready({}),
  }), []);
  log.latest = { lanes: known ?? [], times, text, regex, only, measures };
  log.ready = ready;
  log.jump = async () => {
    const mine = (log.seeking = {});
    const over = () => log.seeking !== mine;
    const say = (status) => log.tell("", { status });
    say("Looking for errors …");
    try {
      const mark = await firstError(log.path, wantedOf({ lane }), say, over);
      if (over()) return;
      say(mark === null ? "No line looks like an error." : "");
      if (mark !== null) await log.windows.get(side ? log.hostOf(mark) : "")?.goTo(mark);
    } catch (refused) {
      if (!over()) say(refused.message);
    }
  };
  const learn = (lanes) => {
    setKnown(lanes);
    log.latest.lanes = lanes;
    if (lanes.length) setLane((old) => laneOf(old, lanes)); // the address may name a host, whose newest lane is meant
  };
  const failed = (refused) => {
    setError(refused);
    log.refused(refused);
  };
  useEffect(() => {
    let gone = false;
    get(log.path).then((job) => {
      if (gone) return;
      sizes.current = Object.fromEntries(job.lanes.map((each) => [each.id, each.size]));
      learn(job.lanes);
      if (!job.lanes.length) ready({});
    }).catch((refused) => gone || failed(refused));
    return () => (gone = true);
  }, [turn]);
  useEffect(() => () => (log.seeking = null), []);
  const kept = { wrap: wrap ? "1" : "", times: times ? "1" : "", find: only ? text : "", regex: regex ? "1" : "" };
  useEffect(() => change({ host: lane, side: side ? "1" : "", ...kept }), [lane, side, wrap, times, text, regex, only]);

  hear.current = (event) => {
    if (event.known.length !== known?.length) learn(event.known);
    sizes.current = furthest(sizes.current, event.sizes);
    log.windows.forEach((each) => each.hear(event));
  };

  const choose = (chosen) => {
    if (side || chosen === SIDE) setTold({});
    log.quit();
    log.first = {};
    setSide(chosen === SIDE);
    setLane(chosen === SIDE ? "" : laneOf(chosen, known));
  };
  const hosts = hostsOf(known ?? []);
  const bar = side ? { ...of(""), size: total(sizes.current), rest: null, follow: hosts.every((each) => of(each).follow) } : of("");
  const follow = () => {
    if (!bar.follow) log.quit();
    log.windows.forEach((each) => (bar.follow ? each.follow(false) : each.toEnd()));
  };
  const on = {
    choose, follow, jump: () => log.jump(), goOn: () => log.windows.get("").goOn(bar.rest),
    search: (typed) => (setText(typed), setOnly(true)), regex: () => setRegex(!regex), times: () => setTimes(!times), wrap: () => setWrap(!wrap),
  };
  useKeys([
    { keys: ".", what: "follow the log", run: follow },
    { keys: "w", what: "wrap lines", run: () => setWrap((each) => !each) },
    { keys: "t", what: "times of lines", run: () => setTimes((each) => !each) },
    { keys: "e", what: "first error", run: () => log.jump() },
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
  const set = { times, wrap, text, regex, only };
  return html`<section class="panel log" aria-label="Log">
    <${LogBar} path=${log.path} lanes=${known} lane=${side ? SIDE : lane} told=${bar} set=${set} on=${on} />
    ${side
      ? html`<${LogLanes} log=${log} hosts=${hosts} most=${BESIDE} of=${of} set=${set} kept=${kept} choose=${choose} />`
      : html`<${LogPane} log=${log} lane=${lane} most=${MOST} told=${of("")} set=${set} refused=${failed} />`}
  </section>`;
};
