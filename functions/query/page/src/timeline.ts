// The bars of one symbol by minute, and the minutes without one; no requests, no drawing.
import type { Bar } from "./api";
import { MINUTE_SECONDS, minuteOf, type Minute } from "./time";
import { lacksSomething } from "./verdict";

/** One minute of the time axis. Without a bar it is a visible hole. */
export interface Row {
  readonly minute: Minute;
  readonly bar: Bar | null;
}

export class Timeline {
  private readonly bars = new Map<Minute, Bar>();
  private firstMinute = Infinity;
  private lastMinute = -Infinity;

  get size(): number {
    return this.bars.size;
  }

  get first(): Minute {
    return this.firstMinute;
  }

  get last(): Minute {
    return this.lastMinute;
  }

  at(minute: Minute): Bar | null {
    return this.bars.get(minute) ?? null;
  }

  newest(): Bar | null {
    return this.at(this.lastMinute);
  }

  /** Takes rows in; returns the minutes whose row is new or differs from what was here. */
  merge(fresh: readonly Bar[]): Minute[] {
    const changed: Minute[] = [];
    for (const bar of fresh) {
      const minute = minuteOf(bar.minute);
      const known = this.bars.get(minute);
      // A neighbour's arrival changes `missing_after` and `completeness` but not `updated_at`.
      if (known !== undefined && JSON.stringify(known) === JSON.stringify(bar)) continue;
      this.bars.set(minute, bar);
      this.firstMinute = Math.min(this.firstMinute, minute);
      this.lastMinute = Math.max(this.lastMinute, minute);
      changed.push(minute);
    }
    return changed.sort((a, b) => a - b);
  }

  /** Forgets the rows before `minute`. */
  dropBefore(minute: Minute): void {
    if (minute > this.lastMinute) return;
    for (const known of this.bars.keys()) if (known < minute) this.bars.delete(known);
    this.firstMinute = Math.min(...this.bars.keys());
  }

  /** Every minute from the first bar to the newest, holes included. */
  rows(): Row[] {
    const rows: Row[] = [];
    for (let minute = this.firstMinute; minute <= this.lastMinute; minute += MINUTE_SECONDS) {
      rows.push({ minute, bar: this.at(minute) });
    }
    return rows;
  }

  /** The next row after `minute`, if there is one. */
  after(minute: Minute): Bar | null {
    for (let next = minute + MINUTE_SECONDS; next <= this.lastMinute; next += MINUTE_SECONDS) {
      const bar = this.at(next);
      if (bar !== null) return bar;
    }
    return null;
  }

  /** Bars that are known to lack something, oldest first. */
  incomplete(): Bar[] {
    return this.rows()
      .flatMap((row) => (row.bar === null ? [] : [row.bar]))
      .filter(lacksSomething);
  }
}
