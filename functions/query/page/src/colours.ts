// Reads the colours of the canvas from the style sheet, where they are written; decides none.

export interface Colours {
  readonly background: string;
  readonly text: string;
  readonly grid: string;
  readonly border: string;
  readonly crosshair: string;
  readonly up: string;
  readonly down: string;
  readonly buy: string;
  readonly sell: string;
  readonly warning: string;
}

export function readColours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    background: colour("surface"),
    text: colour("muted"),
    grid: colour("grid"),
    border: colour("line"),
    crosshair: colour("muted"),
    up: colour("up"),
    down: colour("down"),
    buy: colour("buy"),
    sell: colour("sell"),
    warning: colour("warning"),
  };
}

/** Calls back when the reader's system changes between light and dark. */
export function onColoursChange(changed: () => void): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}
