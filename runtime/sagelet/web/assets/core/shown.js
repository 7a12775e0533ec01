// What a page shows that its address does not say, for what copies the page as code.
import { useEffect } from "../vendor/preact-htm.js";

let plane = { region: "us-east-1", account: "" };
let page = {};

/** Who serves: the region of addresses that name none, the account. */
export function tellPlane(known) {
  plane = { region: known.region, account: known.account };
}

/** `names`: of the components that are compared; `sort`: how a table is sorted unless asked. */
export function useShown(details) {
  const key = JSON.stringify(details);
  useEffect(() => {
    page = details;
    return () => {
      page = {};
    };
  }, [key]);
}

/** All that is known. */
export function shownNow() {
  return { ...plane, ...page };
}
