// The list of incomplete minutes below the chart; it is told which minutes they are.
import type { Bar } from "./api";
import { element, setText } from "./dom";
import { dateAndClock, minuteOf, type Minute } from "./time";
import { whatIsMissing } from "./verdict";

/** A longer list helps nobody; the count stays exact. */
const LISTED_MAX = 500;

/** `incomplete` is oldest first; the list shows the newest first. */
export function showHoles(incomplete: readonly Bar[]): void {
  const count = incomplete.length;
  element("holes").dataset["any"] = String(count > 0);
  const noun = count === 1 ? "incomplete minute" : "incomplete minutes";
  setText(element("holes-count"), `${count} ${noun}`);
  const list = element("holes-list");
  const listed = incomplete.slice(-LISTED_MAX).reverse();
  const fingerprint = JSON.stringify(listed.map((bar) => [bar.minute, whatIsMissing(bar)]));
  // Rebuilt only when it differs, so that the keyboard's focus is not lost every two seconds.
  if (list.dataset["shown"] === fingerprint) return;
  list.dataset["shown"] = fingerprint;
  list.replaceChildren(...listed.map(entry), ...rest(count - listed.length));
}

/** Calls back with the minute whose entry the reader has chosen. */
export function onHoleChosen(chosen: (minute: Minute) => void): void {
  element("holes-list").addEventListener("click", (event) => {
    const button = (event.target as HTMLElement).closest("button");
    if (button !== null) chosen(Number(button.dataset["minute"]));
  });
}

function entry(bar: Bar): HTMLLIElement {
  const minute = minuteOf(bar.minute);
  const button = document.createElement("button");
  button.type = "button";
  button.dataset["minute"] = String(minute);
  button.title = "Show this minute in the chart";
  button.textContent = `${dateAndClock(minute)} UTC`;
  const item = document.createElement("li");
  item.append(button, ` ${whatIsMissing(bar)}`);
  return item;
}

function rest(count: number): HTMLLIElement[] {
  if (count <= 0) return [];
  const item = document.createElement("li");
  item.textContent = `and ${count} earlier`;
  return [item];
}
