// The four requests of the page and the shape of their answers; no state, no retry, no drawing.

/**
 * What the ids prove: nothing is missing; something is; it cannot be proved, for ids tell nothing or
 * lines were refused; it cannot be proved yet.
 */
export type Completeness = "complete" | "gap" | "unknown" | "open";

/** One row of `/v1/bars`. Decimals stay strings: only the chart turns them into numbers. */
export interface Bar {
  readonly exchange: string;
  readonly symbol: string;
  readonly minute: string;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly buy_base_volume: string;
  readonly sell_base_volume: string;
  readonly volume_delta: string;
  readonly vwap: string | null;
  readonly last_time: string;
  readonly trade_count: number;
  /** Trade ids missing inside the minute; null is unknown. */
  readonly missing_count: number | null;
  readonly conflict_count: number;
  readonly quarantined_count: number;
  readonly updated_at: string;
  /** Trade ids missing between this row and the row before it. */
  readonly missing_before: number | null;
  readonly missing_after: number | null;
  readonly completeness: Completeness;
  readonly final: boolean;
}

export interface Instrument {
  readonly exchange: string;
  readonly symbol: string;
  readonly first_minute: string;
  readonly last_minute: string;
}

/** What the page asks `/v1/health`. */
export interface Health {
  /** The server's clock, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Whether there is a `/v1/live`. */
  readonly live: boolean;
}

/** One of `symbols` of `/v1/live`; null is unknown. */
export interface Quotes {
  readonly exchange: string;
  readonly symbol: string;
  readonly last_price: string | null;
  readonly bid: string | null;
  readonly ask: string | null;
  readonly mid: string | null;
  readonly microprice: string | null;
  readonly spread: string | null;
  readonly spread_bps: string | null;
  readonly spread_15s: string | null;
  readonly imbalance_1: string | null;
  readonly imbalance_10: string | null;
  readonly age_micros: number | null;
}

/** One of `spreads` of `/v1/live`: how far the one's mid is above the other's. */
export interface Spread {
  readonly exchange: string;
  readonly symbol: string;
  readonly against_exchange: string;
  readonly against_symbol: string;
  readonly spread: string | null;
  readonly spread_bps: string | null;
  readonly spread_15s: string | null;
  readonly age_micros: number | null;
}

export interface LiveState {
  readonly now: string;
  readonly symbols: readonly Quotes[];
  readonly spreads: readonly Spread[];
}

export interface BarsQuery {
  readonly exchange: string;
  readonly symbol: string;
  /** UTC seconds, inclusive. */
  readonly from: number;
  /** UTC seconds, exclusive. */
  readonly to: number;
}

/** A request that failed, in words a reader can act on. */
export class RequestFailed extends Error {
  constructor(
    message: string,
    /** What the server asked us to wait, if it did. */
    readonly retryAfterSeconds: number | null,
  ) {
    super(message);
  }
}

/** The most rows the server hands out at once: 7 days are three pages. */
const PAGE_ROWS_MAX = 5000;
/** A bound for a cursor that never ends: 40 pages are 138 days of minutes. */
const PAGES_MAX = 40;
/** Longer than the server's own limit, so that its answer arrives and not our impatience. */
const REQUEST_TIMEOUT_MS = 15_000;

export async function fetchInstruments(signal: AbortSignal): Promise<Instrument[]> {
  const body = await getJson<{ symbols: Instrument[] }>("v1/symbols", signal);
  return body.symbols;
}

/** Null if it is not to be had. */
export async function fetchHealth(signal: AbortSignal): Promise<Health | null> {
  try {
    const body = await getJson<{ now: string; live?: boolean }>("v1/health", signal);
    const nowMs = Date.parse(body.now);
    return Number.isFinite(nowMs) ? { nowMs, live: body.live === true } : null;
  } catch {
    // A health report that fails is no reason to show no bars; our own clock will do.
    return null;
  }
}

export async function fetchLive(signal: AbortSignal): Promise<LiveState> {
  return getJson<LiveState>("v1/live", signal);
}

/** All bars of the window, ascending; follows the cursor to its end. */
export async function fetchBars(query: BarsQuery, signal: AbortSignal): Promise<Bar[]> {
  const parameters = new URLSearchParams({
    exchange: query.exchange,
    symbol: query.symbol,
    from: String(query.from * 1000),
    to: String(query.to * 1000),
    limit: String(PAGE_ROWS_MAX),
  });
  const bars: Bar[] = [];
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const body = await getJson<{ bars: Bar[]; next: string | null }>(
      `v1/bars?${parameters.toString()}`,
      signal,
    );
    bars.push(...body.bars);
    if (body.next === null) return bars;
    parameters.set("cursor", body.next);
  }
  throw new RequestFailed("The server's list of bars does not end.", null);
}

async function getJson<Body>(path: string, signal: AbortSignal): Promise<Body> {
  const request = new AbortController();
  const cancel = (): void => request.abort();
  const timeout = setTimeout(cancel, REQUEST_TIMEOUT_MS);
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  try {
    const response = await fetch(path, { signal: request.signal, cache: "no-cache" });
    if (!response.ok) throw await failure(response);
    return (await response.json()) as Body;
  } catch (error) {
    if (error instanceof RequestFailed) throw error;
    const reason = request.signal.aborted
      ? "The server does not answer in time."
      : "The server cannot be reached.";
    throw new RequestFailed(reason, null);
  } finally {
    clearTimeout(timeout);
    signal.removeEventListener("abort", cancel);
  }
}

/** Reads `application/problem+json`; a proxy's error page has only its status. */
async function failure(response: Response): Promise<RequestFailed> {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const retryAfter = Number.isFinite(seconds) ? seconds : null;
  let words = `The server answers with status ${response.status}.`;
  try {
    const problem = (await response.json()) as { title?: string; detail?: string };
    words = problem.detail ?? problem.title ?? words;
  } catch {
    // Not JSON: the status is all there is to say.
  }
  return new RequestFailed(words, retryAfter);
}
