// Writes the figures of one minute as the API sent them; formats no money, chooses no minute.
import type { Bar } from "./api";
import { element, setText } from "./dom";
import { dateAndClock, type Minute } from "./time";
import type { Timeline } from "./timeline";
import { verdictOfBar, verdictOfHole, type Verdict } from "./verdict";

const FIGURES = {
  open: (bar: Bar) => bar.open,
  high: (bar: Bar) => bar.high,
  low: (bar: Bar) => bar.low,
  close: (bar: Bar) => bar.close,
  buy: (bar: Bar) => bar.buy_base_volume,
  sell: (bar: Bar) => bar.sell_base_volume,
  delta: (bar: Bar) => bar.volume_delta,
  vwap: (bar: Bar) => bar.vwap ?? "none",
  trades: (bar: Bar) => String(bar.trade_count),
};

const NO_FIGURE = "–";

export function showLegend(name: string, minute: Minute, timeline: Timeline): void {
  const bar = timeline.at(minute);
  setText(element("legend-name"), name);
  setText(element("legend-minute"), `${dateAndClock(minute)} UTC`);
  for (const [figure, read] of Object.entries(FIGURES)) {
    setText(element(`legend-${figure}`), bar === null ? NO_FIGURE : read(bar));
  }
  element("legend-close").dataset["sign"] = bar === null ? "" : direction(bar);
  element("legend-delta").dataset["sign"] = bar === null ? "" : signOf(bar.volume_delta);
  showVerdict(bar === null ? verdictOfHole(timeline.after(minute)) : verdictOfBar(bar));
}

/** The same in one sentence, for a screen reader. */
export function legendWords(minute: Minute, timeline: Timeline): string {
  const bar = timeline.at(minute);
  const when = `${dateAndClock(minute)} UTC`;
  if (bar === null) return `${when}: ${verdictOfHole(timeline.after(minute)).words}`;
  const prices = `open ${bar.open}, high ${bar.high}, low ${bar.low}, close ${bar.close}`;
  const volume = `bought ${bar.buy_base_volume}, sold ${bar.sell_base_volume}`;
  return `${when}: ${prices}; ${volume}; ${verdictOfBar(bar).words}`;
}

function showVerdict(verdict: Verdict): void {
  const badge = element("legend-verdict");
  setText(badge, verdict.words);
  badge.dataset["kind"] = verdict.kind;
}

function direction(bar: Bar): string {
  return Number(bar.close) >= Number(bar.open) ? "plus" : "minus";
}

function signOf(decimal: string): string {
  if (decimal.startsWith("-")) return "minus";
  return /[1-9]/.test(decimal) ? "plus" : "";
}
