import assert from "node:assert/strict";
import test from "node:test";
import { newestFirst } from "../../../runtime/sagelet/web/assets/core/calls.js";
import { JobRows, merged } from "../../../runtime/sagelet/web/assets/core/job-rows.js";
import { paced } from "../../../runtime/sagelet/web/assets/core/paced.js";
import { append, ofFirstHost } from "../../../runtime/sagelet/web/assets/core/series.js";

const numbers = (rows) => rows.map((each) => each.number);
const of = (...found) => found.map((number) => ({ number }));

test("new calls come first, none twice", () => {
  assert.deepEqual(numbers(newestFirst({ rows: of(2, 3, 4) }, of(2, 1))), [4, 3, 2, 1]);
});

test("calls of another count begin the list anew", () => {
  assert.deepEqual(numbers(newestFirst({ rows: of(1, 2), anew: true }, of(1500, 1499))), [2, 1]);
  assert.deepEqual(newestFirst({ rows: [], anew: true }, of(1500)), []);
});

const row = (key, modified, more = {}) => ({ key, modified, created: 0, status: "InProgress", secondary: "Training", metrics: {}, trials: [], ...more });
const news = (...rows) => ({ rows, gone: [] });

test("values of a job elsewhere do not change a list by name", () => {
  const rows = new JobRows();
  rows.put(0, [row("a", 1)], 1);
  const at = (time) => row("z", 1, { metrics: { loss: { last: time, time } } });
  assert.ok(rows.take(news(at(1)), false)); // it is new
  assert.ok(!rows.take(news(at(2)), false));
  assert.ok(rows.take(news(at(3)), true));
  assert.ok(!rows.take(news(row("a", 1)), false));
});

test("another status, or a job that is gone, changes a list", () => {
  const rows = new JobRows();
  rows.put(0, [row("a", 1), row("b", 1)], 2);
  assert.ok(rows.take(news(row("a", 2, { status: "Completed" })), false));
  assert.equal(rows.get(0).status, "Completed");
  assert.ok(!rows.take(news(row("a", 2, { status: "Completed" })), false));
  assert.ok(rows.take({ rows: [], gone: ["b"] }, false));
});

test("an older answer does not take the place of what an event told", () => {
  const rows = new JobRows();
  rows.take(news(row("a", 2, { status: "Completed" })), false);
  rows.put(0, [row("a", 1), row("b", 1)], 2);
  assert.equal(rows.get(0).status, "Completed");
  rows.put(0, [row("a", 3, { status: "Stopped" })], 1);
  assert.equal(rows.get(0).status, "Stopped");
  assert.equal(rows.get(1), undefined);
});

const turn = () => new Promise((go) => setImmediate(go));

test("nothing is asked again before its answer is there", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = [];
  const soon = paced(() => new Promise((go) => asked.push(go)));
  soon();
  soon();
  t.mock.timers.tick(1000);
  assert.equal(asked.length, 1);
  soon();
  t.mock.timers.tick(60000);
  assert.equal(asked.length, 1); // the first answer is not there
  asked[0]();
  await turn();
  t.mock.timers.tick(999);
  assert.equal(asked.length, 1);
  t.mock.timers.tick(1);
  assert.equal(asked.length, 2);
  asked[1]();
  await turn();
  t.mock.timers.tick(60000);
  assert.equal(asked.length, 2); // nobody wanted more
});

test("an answer that fails does not end it, stop does", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let asked = 0;
  const soon = paced(() => Promise.reject(new Error(String((asked += 1)))));
  soon();
  t.mock.timers.tick(1000);
  await turn();
  soon();
  t.mock.timers.tick(1000);
  await turn();
  assert.equal(asked, 2);
  soon();
  soon.stop();
  t.mock.timers.tick(1000);
  assert.equal(asked, 2);
});

test("where values were left out, turns and their number are as told", () => {
  const columns = (place, host, more = {}) => ({ hosts: ["a", "b"], place, host, time: place, value: place, ...more });
  const old = { ...columns([0, 1], [0, 1]), turn: [0, 0], count: 2 };
  const found = append(old, columns([2, 9, 21], [0, 1, 0], { turn: [1, 4, 10], count: 20 }));
  assert.deepEqual(found.turn, [0, 0, 1, 4, 10]);
  assert.equal(found.count, 22);
  assert.equal(found.next, 22);
  assert.equal(append(found, columns([22], [1])).count, 23);
});

test("jobs that run are never left out, and the later row of each stays", () => {
  const long = { ...row("long", 1), created: 1 };
  const short = Array.from({ length: 80 }, (_, i) => ({ ...row(`s${i}`, i, { status: "Completed", ended: i + 3 }), created: i + 2 }));
  const found = merged(short, [long]);
  assert.equal(found.length, 61);
  assert.equal(found[0].key, "s79");
  assert.equal(found[60].key, "long");
  const ended = row("a", 5, { status: "Completed", ended: 5 });
  assert.equal(merged([row("a", 1)], [ended])[0].status, "Completed");
  assert.equal(merged([ended], [row("a", 1)])[0].status, "Completed");
});

test("a closer look is at the host that the whole line is of", () => {
  const of = (hosts, host, value) => ({ hosts, host, place: value, time: value, value });
  const whole = of(["a", "b"], [0, 1, 0, 1], [1, 2, 3, 4]);
  assert.deepEqual(ofFirstHost(whole, of(["a", "b"], [1, 0], [2, 3])).value, [3]);
  assert.deepEqual(ofFirstHost(whole, of(["b"], [0], [2])).value, [1, 3]);
  assert.deepEqual(ofFirstHost(whole).value, [1, 3]);
});
