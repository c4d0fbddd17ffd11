// The panel of this moment: each symbol's quotes, and one coin's spread between two exchanges, anew
// every second; it keeps no history, and knows no bar.
import { fetchLive, type LiveState, type Quotes, type Spread } from "./api";
import { element, setText } from "./dom";
import { startLoop } from "./loop";
import { ageWords } from "./time";

const PAUSE_MS = 1_000;
/** Beyond the price's own decimals, for what is a mean of prices. */
const MEAN_DECIMALS = 2;
const RATIO_DECIMALS = 2;
const NO_FIGURE = "–";

/** The most decimals that a symbol's prices have had: so figures do not change their width. */
const priceDecimals = new Map<string, number>();

type Figure = readonly [shown: string, exact: string | null, signed?: boolean];

/** From now on the panel is there. Called once, where the server has a live state. */
export function showLive(): void {
  element("live").hidden = false;
  startLoop(step, { succeeded: () => trouble(""), failed: () => trouble(AWAY) }, PAUSE_MS);
}

const AWAY = "ingest does not answer; these are its last figures";

async function step(signal: AbortSignal): Promise<void> {
  const state = await fetchLive(signal);
  if (!signal.aborted) show(state);
}

function trouble(words: string): void {
  const panel = element("live");
  panel.dataset["stale"] = String(words !== "");
  setText(element("live-trouble"), words);
}

function show(state: LiveState): void {
  const panel = element("live").dataset;
  panel["now"] = state.now;
  panel["symbols"] = String(state.symbols.length);
  panel["spreads"] = String(state.spreads.length);
  fill("live-symbols", state.symbols.map((it) => [nameOf(it), figuresOf(it)]));
  fill("live-spreads", state.spreads.map((it) => [pairOf(it), distanceOf(it)]));
  element("live-between").hidden = state.spreads.length === 0;
}

function nameOf({ exchange, symbol }: Quotes): string {
  return `${exchange} ${symbol}`;
}

function pairOf(pair: Spread): string {
  const { exchange, symbol, against_exchange, against_symbol } = pair;
  return `${exchange} ${symbol} over ${against_exchange} ${against_symbol}`;
}

function figuresOf(it: Quotes): Figure[] {
  const decimals = decimalsOf(nameOf(it), [it.last_price, it.bid, it.ask]);
  const mean = decimals + MEAN_DECIMALS;
  return [
    figure(it.last_price, decimals),
    figure(it.bid, decimals),
    figure(it.ask, decimals),
    figure(it.mid, mean),
    figure(it.microprice, mean),
    figure(it.spread, decimals),
    figure(it.spread_bps, RATIO_DECIMALS),
    figure(it.spread_15s, mean),
    signed(it.imbalance_1, RATIO_DECIMALS),
    signed(it.imbalance_10, RATIO_DECIMALS),
    age(it.age_micros),
  ];
}

function distanceOf(it: Spread): Figure[] {
  const decimals = priceDecimals.get(`${it.exchange} ${it.symbol}`) ?? 0;
  return [
    signed(it.spread, decimals + MEAN_DECIMALS),
    signed(it.spread_bps, RATIO_DECIMALS),
    signed(it.spread_15s, decimals + MEAN_DECIMALS),
    age(it.age_micros),
  ];
}

/** Rounded for the eye; the title has it as the server sent it. */
function figure(exact: string | null, decimals: number): Figure {
  return [exact === null ? NO_FIGURE : Number(exact).toFixed(decimals), exact];
}

function signed(exact: string | null, decimals: number): Figure {
  const [shown] = figure(exact, decimals);
  return [exact !== null && Number(exact) > 0 ? `+${shown}` : shown, exact, true];
}

function age(micros: number | null): Figure {
  if (micros === null) return [NO_FIGURE, null];
  const seconds = micros / 1_000_000;
  return [seconds < 60 ? `${seconds.toFixed(1)} s` : ageWords(seconds), null];
}

function decimalsOf(name: string, prices: readonly (string | null)[]): number {
  const found = prices.map((price) => price?.split(".")[1]?.length ?? 0);
  const most = Math.max(priceDecimals.get(name) ?? 0, ...found);
  priceDecimals.set(name, most);
  return most;
}

/** Rows are kept from one second to the next, so that a selected text stays selected. */
function fill(id: string, rows: readonly (readonly [string, Figure[]])[]): void {
  const body = element(id);
  while (body.children.length > rows.length) body.lastElementChild?.remove();
  rows.forEach(([name, figures], at) => {
    const row = (body.children[at] as HTMLElement | undefined) ?? body.appendChild(newRow(figures));
    const cells = Array.from(row.children) as HTMLElement[];
    const [head, ...others] = cells;
    if (head !== undefined) setText(head, name);
    others.forEach((cell, column) => {
      const [shown, exact, isSigned] = figures[column] ?? [NO_FIGURE, null];
      setText(cell, shown);
      cell.title = exact ?? "";
      cell.dataset["sign"] = isSigned === true && exact !== null ? signOf(exact) : "";
    });
  });
}

function newRow(figures: readonly Figure[]): HTMLElement {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  row.append(head, ...figures.map(() => document.createElement("td")));
  return row;
}

function signOf(exact: string): string {
  if (exact.startsWith("-")) return "minus";
  return /[1-9]/.test(exact) ? "plus" : "";
}
