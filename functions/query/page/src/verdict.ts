// What a row says about its own completeness, in words; it judges nothing the API has not judged.
import type { Bar } from "./api";
import { clock, minuteOf } from "./time";

export type Kind = "complete" | "incomplete" | "unproved" | "none";

export interface Verdict {
  readonly kind: Kind;
  readonly words: string;
}

/** The few words beside a candle. A hole between two rows counts on the later one only. */
export function markerWords(bar: Bar): string {
  const missing = (bar.missing_count ?? 0) + (bar.missing_before ?? 0);
  return [
    ...counted(missing, "missing"),
    ...counted(bar.quarantined_count, "refused"),
    ...counted(bar.conflict_count, "in conflict"),
  ].join(", ");
}

/** Trades are missing, or lines of it were refused or contradicted. */
export function lacksSomething(bar: Bar): boolean {
  return bar.completeness === "gap" || bar.quarantined_count > 0 || bar.conflict_count > 0;
}

/** Everything a row lacks, for the list and the legend. */
export function whatIsMissing(bar: Bar): string {
  const words = [
    ...counted(bar.missing_count ?? 0, "missing"),
    ...counted(bar.missing_before ?? 0, "missing before it"),
    ...counted(bar.quarantined_count, "refused"),
    ...counted(bar.conflict_count, "in conflict"),
  ];
  if (words.length > 0) return words.join(", ");
  const after = counted(bar.missing_after ?? 0, "missing after it, counted at the next row");
  return after[0] ?? "number unknown";
}

export function verdictOfBar(bar: Bar): Verdict {
  if (lacksSomething(bar)) {
    return { kind: "incomplete", words: `incomplete: ${whatIsMissing(bar)}` };
  }
  switch (bar.completeness) {
    case "complete":
      return { kind: "complete", words: "complete" };
    case "open":
      return {
        kind: "unproved",
        words: `not proved yet${bar.final ? "" : ": minute still open"}`,
      };
    default:
      return { kind: "unproved", words: "not to be proved" };
  }
}

/** A minute without a row: the ids of the next row there is tell a quiet minute from a lost one. */
export function verdictOfHole(next: Bar | null): Verdict {
  const missing = next?.missing_before ?? null;
  if (next === null || missing === null) {
    return { kind: "unproved", words: "no trades seen, not proved" };
  }
  if (missing === 0) return { kind: "complete", words: "no trades in this minute" };
  const where = clock(minuteOf(next.minute));
  return { kind: "incomplete", words: `no row: ${missing} missing before ${where}` };
}

function counted(count: number, what: string): string[] {
  return count > 0 ? [`${count} ${what}`] : [];
}
