// The controls for exchange, symbol and range, and which instrument they mean; loads nothing.
import type { Instrument } from "./api";
import { element, selectElement, setOptions } from "./dom";
import { rangeOf, type Choice, type Range } from "./permalink";
import { showNotice } from "./status";

/** A choice that names an instrument the server knows. */
export interface Resolved extends Choice {
  readonly exchange: string;
  readonly symbol: string;
  readonly range: Range;
  /** For the reader: `binance BTCUSDT`. */
  readonly name: string;
}

/** What is wanted, or the nearest there is; null if there is nothing at all. */
export function resolve(wanted: Choice, instruments: readonly Instrument[]): Resolved | null {
  const sameExchange = instruments.filter((one) => one.exchange === wanted.exchange);
  const found =
    sameExchange.find((one) => one.symbol === wanted.symbol) ?? sameExchange[0] ?? instruments[0];
  if (found === undefined) return null;
  const { exchange, symbol } = found;
  return { exchange, symbol, range: wanted.range, name: `${exchange} ${symbol}` };
}

export function showChoice(
  wanted: Choice,
  choice: Resolved | null,
  instruments: readonly Instrument[],
): void {
  const exchanges = [...new Set(instruments.map((one) => one.exchange))];
  const exchange = choice?.exchange ?? "";
  const symbols = instruments.filter((one) => one.exchange === exchange);
  setOptions(selectElement("exchange"), exchanges);
  setOptions(selectElement("symbol"), symbols.map((one) => one.symbol));
  selectElement("exchange").value = exchange;
  selectElement("symbol").value = choice?.symbol ?? "";
  showRange(wanted.range);
  showNotice(choice === null ? "" : otherThanWanted(wanted, choice));
}

export function showRange(range: Range): void {
  for (const radio of rangeRadios()) radio.checked = radio.value === range;
}

/** Calls back whenever the reader changes a control. */
export function listenToChoice(chosen: (choice: Choice) => void): void {
  const read = (): Choice => ({
    exchange: selectElement("exchange").value,
    symbol: selectElement("symbol").value,
    range: rangeOf(rangeRadios().find((radio) => radio.checked)?.value ?? null),
  });
  // Another exchange has other symbols: `resolve` takes its first.
  selectElement("exchange").addEventListener("change", () => chosen({ ...read(), symbol: null }));
  selectElement("symbol").addEventListener("change", () => chosen(read()));
  for (const radio of rangeRadios()) radio.addEventListener("change", () => chosen(read()));
}

function rangeRadios(): HTMLInputElement[] {
  return Array.from(element("range").querySelectorAll("input"));
}

function otherThanWanted(wanted: Choice, choice: Resolved): string {
  if (wanted.exchange === null || wanted.symbol === null) return "";
  const same = wanted.exchange === choice.exchange && wanted.symbol === choice.symbol;
  return same ? "" : `${wanted.exchange} ${wanted.symbol} has no bars; showing ${choice.name}.`;
}
