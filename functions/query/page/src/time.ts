// Minutes, ages and their words, always UTC; reads no clock.

/** A minute by its first second, in UTC seconds since the epoch: the chart's unit of time. */
export type Minute = number;

export const MINUTE_SECONDS = 60;

export function minuteOf(iso: string): Minute {
  return Math.floor(Date.parse(iso) / 1000);
}

/** Milliseconds since the epoch. Only three of the API's six fraction digits are portable. */
export function millisOf(iso: string): number {
  return Date.parse(iso.replace(/(\.\d{3})\d+/, "$1"));
}

/** `2026-11-20 12:01` */
export function dateAndClock(minute: Minute): string {
  return new Date(minute * 1000).toISOString().slice(0, 16).replace("T", " ");
}

/** `12:01` */
export function clock(minute: Minute): string {
  return dateAndClock(minute).slice(11);
}

/** The two largest units: `3 s`, `2 min 5 s`, `1 h 4 min`, `3 d 2 h`. */
export function ageWords(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor(whole / 60) % 60} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor(whole / 3600) % 24} h`;
}
