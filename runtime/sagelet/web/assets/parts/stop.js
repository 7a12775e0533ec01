// Ask whether something is to be stopped, and stop it.
import { html, useState } from "../vendor/preact-htm.js";
import { write } from "../core/api.js";
import { Dialog, toast } from "./basics.js";

/** `path`: where the control plane is told; what stopping means stands between. */
export const StopDialog = ({ path, title, close, children }) => {
  const [busy, setBusy] = useState(false);
  const stop = async () => {
    setBusy(true);
    try {
      await write("POST", `${path}/stop`);
      toast("It was told to stop.");
    } catch (error) {
      toast(error.message);
    }
    close();
  };
  return html`<${Dialog} title=${title} close=${close}><div class="stack">
    <p>${children}</p>
    <div class="row"><button class="button bad" data-first disabled=${busy} onClick=${stop}>Stop it</button><button class="button bare" onClick=${close}>Let it run</button></div></div><//>`;
};
