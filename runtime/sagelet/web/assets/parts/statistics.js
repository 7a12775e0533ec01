// Which statistic a metric is shown by: one a metric, in the page's address.
import { useMemo } from "../vendor/preact-htm.js";
import { useAskedList } from "../core/hooks.js";

/** [metric -> statistic, set(metric, statistic)]; the last value needs no saying. */
export function useStatistics() {
  const [list, setList] = useAskedList("stat");
  const key = JSON.stringify(list);
  const stats = useMemo(() => Object.fromEntries(list.map((each) => {
    const at = each.lastIndexOf(".");
    return [each.slice(0, at), each.slice(at + 1)];
  })), [key]);
  const set = (metric, statistic) => setList((old) => [...old.filter((each) => each.slice(0, each.lastIndexOf(".")) !== metric), ...(statistic === "last" ? [] : [`${metric}.${statistic}`])]);
  return [stats, set];
}
