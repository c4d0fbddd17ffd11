// The few helpers to reach and change the page's own elements; creates no layout.

export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no element #${id}`);
  return found;
}

export function selectElement(id: string): HTMLSelectElement {
  return element(id) as HTMLSelectElement;
}

/** Leaves an equal text alone: a rewritten node would be laid out, and maybe read out, again. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Offers exactly these options, and keeps the node if they are the same as before. */
export function setOptions(select: HTMLSelectElement, values: readonly string[]): void {
  const known = Array.from(select.options, (option) => option.value);
  if (known.join("\n") === values.join("\n")) return;
  select.replaceChildren(...values.map((value) => new Option(value, value)));
  select.disabled = values.length === 0;
}
