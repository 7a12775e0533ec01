// What every chart on a canvas needs: sharp pixels, the theme's colours, axes.
import { isDark } from "../core/colors.js";
import { amount, clock, figure } from "../core/format.js";

const TOKENS = ["--muted", "--line", "--line-strong", "--accent", "--text", "--panel"];
let cache = { dark: null, colors: {}, family: "" };

/** The theme's colours as a canvas takes them: light-dark() has to be worked out by an element. */
export function theme(canvas) {
  const dark = isDark();
  if (cache.dark !== dark) {
    const colors = {};
    const before = canvas.style.color;
    for (const each of TOKENS) {
      canvas.style.color = `var(${each})`;
      colors[each.slice(2)] = getComputedStyle(canvas).color;
    }
    canvas.style.color = before;
    cache = { dark, colors, family: getComputedStyle(canvas).fontFamily };
  }
  return cache;
}

/** A context of `width` by `height` CSS pixels, empty. */
export function blank(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Lines and numbers of both axes. `box`: left, top, right, bottom in pixels; `unit`: of y. */
export function axes(context, { colors, family }, box, sx, sy, { x = "", integers = false, unit = "" } = {}) {
  context.font = `11px ${family}`;
  context.strokeStyle = colors.line;
  context.fillStyle = colors.muted;
  context.lineWidth = 1;
  context.setLineDash([]);
  context.textAlign = "right";
  context.textBaseline = "middle";
  const height = box.bottom - box.top;
  for (const each of sy.ticks(Math.max(2, height / 42))) {
    const y = Math.round(sy.to(each)) + 0.5;
    if (y < box.top - 1 || y > box.bottom + 1) continue;
    context.beginPath();
    context.moveTo(box.left, y);
    context.lineTo(box.right, y);
    context.stroke();
    context.fillText(unit ? amount(each, unit) : short(each), box.left - 7, y);
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  let end = -Infinity;
  for (const each of sx.ticks(Math.max(2, (box.right - box.left) / 90))) {
    if (integers && !Number.isInteger(each)) continue;
    const text = x === "time" ? clock(each) : short(each);
    const half = context.measureText(text).width / 2;
    const at = Math.min(Math.max(sx.to(each), half + 2), box.right + 8 - half);
    if (at - half < end + 8) continue;
    context.fillText(text, at, box.bottom + 7);
    end = at + half;
  }
}

/** A tick's number: short enough for the margin. */
export function short(value) {
  const size = Math.abs(value);
  if (size >= 1e4 && size < 1e7 && value % 100 === 0) return `${Number((value / 1000).toPrecision(4))}k`;
  return figure(value);
}
