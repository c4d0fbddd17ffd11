// Repeats one step, never two at a time, slower after failures, not in a hidden tab; draws nothing.

export interface Loop {
  /** Cancels the step under way, if any, and starts the next one at once. */
  restart(): void;
}

export interface LoopEvents {
  succeeded(): void;
  failed(error: unknown): void;
}

const PAUSE_MS_DEFAULT = 2_000;
/** Short enough that a reader sees the recovery, long enough not to hammer a sick server. */
const PAUSE_MS_MAX = 15_000;
/** A server may ask for more patience than we have by default, but not for ever. */
const RETRY_AFTER_MS_MAX = 60_000;

export function startLoop(
  step: (signal: AbortSignal) => Promise<void>,
  events: LoopEvents,
  usualPauseMs = PAUSE_MS_DEFAULT,
): Loop {
  let underWay = new AbortController();
  let wake = (): void => undefined;

  const sleep = (ms: number | null): Promise<void> =>
    new Promise((resolve) => {
      const timer = ms === null ? undefined : setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const run = async (): Promise<never> => {
    let failures = 0;
    for (;;) {
      if (document.hidden) {
        await sleep(null);
        continue;
      }
      const request = new AbortController();
      underWay = request;
      let pauseMs = usualPauseMs;
      try {
        await step(request.signal);
        if (request.signal.aborted) continue;
        failures = 0;
        events.succeeded();
      } catch (error) {
        if (request.signal.aborted) continue;
        failures += 1;
        pauseMs = backoffMs(failures, error);
        events.failed(error);
      }
      await sleep(pauseMs);
    }
  };

  document.addEventListener("visibilitychange", () => wake());
  window.addEventListener("online", () => wake());
  void run();
  return {
    restart: () => {
      underWay.abort();
      wake();
    },
  };
}

function backoffMs(failures: number, error: unknown): number {
  const asked = (error as { retryAfterSeconds?: number | null }).retryAfterSeconds ?? 0;
  const doubled = PAUSE_MS_DEFAULT * 2 ** Math.min(failures - 1, 10);
  // A little disorder, so that many open tabs do not come back in the same instant.
  const own = Math.min(doubled, PAUSE_MS_MAX) * (0.8 + 0.4 * Math.random());
  return Math.max(own, Math.min(asked * 1000, RETRY_AFTER_MS_MAX));
}
