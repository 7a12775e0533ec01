// The logs of several hosts side by side: each scrolls, and follows its end, by itself.
import { html, useRef, useState } from "../vendor/preact-htm.js";
import { colorOf, isDark } from "../core/colors.js";
import { size } from "../core/format.js";
import { useSeen } from "../core/hooks.js";
import { jobPage } from "../core/jobs.js";
import { Failed } from "./basics.js";
import { LogPane } from "./log-pane.js";

/** `of(host)` is what its window told, `kept` is what a link to one host alone keeps of the address. */
export const LogLanes = ({ log, hosts, most, of, set, kept, choose }) => html`<div class="lanes">
  ${hosts.map((host) => html`<${Lane} key=${host} log=${log} host=${host} most=${most} told=${of(host)} set=${set} kept=${kept} choose=${choose} />`)}
</div>`;

const Lane = ({ log, host, most, told, set, kept, choose }) => {
  const box = useRef(null);
  const seen = useSeen(box, "0px");
  const [error, setError] = useState(null);
  const here = () => log.windows.get(host);
  const filtering = set.only && set.text !== "";
  const alone = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault(); // the same page, which need not begin anew
    choose(host);
    document.querySelector("main")?.focus({ preventScroll: true });
  };
  const follow = () => {
    if (told.follow) return here()?.follow(false);
    log.quit();
    return here()?.toEnd();
  };
  const refused = (why) => {
    setError(why);
    log.refused(why);
  };
  return html`<section class="lane" ref=${box} aria-label=${host}>
    <header><h2 class="cut grow"><a href=${jobPage(log.job, ["logs"], { host, ...kept })} title="This host alone" style=${{ color: colorOf(host, isDark()) }} onClick=${alone}>${host}</a></h2>
      <span class="quiet cut" role=${filtering ? "status" : undefined}>${told.status || size(told.size)}</span>
      ${told.rest && filtering && html`<button class="button small" onClick=${() => here()?.goOn(told.rest)}>Go on</button>`}
      <button class="button small" aria-pressed=${told.follow} aria-label=${`Follow ${host}`} onClick=${follow}>Follow</button></header>
    ${error
      ? html`<${Failed} error=${error} head="h3" again=${() => setError(null)} />`
      : html`<${LogPane} log=${log} host=${host} most=${most} label=${`Lines of ${host}`} seen=${seen} told=${told} set=${set} refused=${refused} />`}
  </section>`;
};
