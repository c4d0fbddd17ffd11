// Keeps the reader's choice in the address, to be shared; does not know which symbols exist.

export const RANGES = {
  "1h": { minutes: 60, words: "1 hour" },
  "6h": { minutes: 360, words: "6 hours" },
  "1d": { minutes: 1440, words: "1 day" },
  "7d": { minutes: 10_080, words: "7 days" },
} as const;

export type Range = keyof typeof RANGES;

/** Where the candles are still legible one by one on a laptop. */
const RANGE_DEFAULT: Range = "6h";

export interface Choice {
  readonly exchange: string | null;
  readonly symbol: string | null;
  readonly range: Range;
}

export function readAddress(): Choice {
  const query = new URLSearchParams(location.search);
  return {
    exchange: query.get("exchange"),
    symbol: query.get("symbol"),
    range: rangeOf(query.get("range")),
  };
}

export function rangeOf(text: string | null): Range {
  return text !== null && Object.prototype.hasOwnProperty.call(RANGES, text)
    ? (text as Range)
    : RANGE_DEFAULT;
}

/** `push` makes a step for the Back button, `replace` only completes what is there. */
export function writeAddress(choice: Choice, step: "push" | "replace"): void {
  const query = new URLSearchParams();
  if (choice.exchange !== null) query.set("exchange", choice.exchange);
  if (choice.symbol !== null) query.set("symbol", choice.symbol);
  query.set("range", choice.range);
  const address = `?${query.toString()}`;
  if (address === location.search) return;
  if (step === "push") history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}
