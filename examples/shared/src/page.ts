import { LaminateError, type Unchecked } from "laminate-zkml";
import { sentence } from "./refusal.js";
import "./style.css";

/** What a valid proof leaves open, for people. */
export const OPEN: Record<Unchecked, string> = {
  weights: "whose weights: the deployment names none",
  input: "which input: compare the commitment",
  "weight-range": "that the weights are in range: the registry asked for a proof of that",
  context: "what the proof is for: nothing here expects a context",
  credential: "in which tree the credential is, and for what it is used: nothing here expects one",
  output: "what the output is: the proof hides it",
};

export const element = <T extends HTMLElement>(id: string): T => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found as T;
};
export const input = (id: string) => element<HTMLInputElement>(id);
export const button = (id: string) => element<HTMLButtonElement>(id);

/** The bytes of the file that was chosen, if one was. */
export async function chosen(id: string): Promise<Uint8Array | undefined> {
  const file = input(id).files?.[0];
  return file && new Uint8Array(await file.arrayBuffer());
}

export function item(text: string, holds: boolean): HTMLLIElement {
  const entry = document.createElement("li");
  entry.className = holds ? "holds" : "fails";
  entry.textContent = `${holds ? "✓" : "✗"} ${text}`;
  return entry;
}

/** Lines of a list, in the place of those that it had. */
export function list(id: string, texts: readonly string[]): void {
  const entries = texts.map((text) => {
    const entry = document.createElement("li");
    entry.textContent = text;
    return entry;
  });
  element(id).replaceChildren(...entries);
}

export function describe(id: string, facts: readonly (readonly [string, string])[]): void {
  const parts = facts.flatMap(([name, value]) => {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  });
  element(id).replaceChildren(...parts);
}

/** Gives a link a file that was made here, and shows it. */
export function offer(id: string, bytes: Uint8Array): void {
  const link = element<HTMLAnchorElement>(id);
  if (link.href) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([bytes.slice().buffer]));
  link.hidden = false;
}

/** Shows what an action does and what came of it. */
export async function act(what: string, action: () => Promise<string> | string): Promise<void> {
  const [status, error] = [element("status"), element("error")];
  error.textContent = "";
  status.textContent = `${what} …`;
  try {
    status.textContent = await action();
  } catch (caught) {
    status.textContent = "";
    error.textContent = caught instanceof LaminateError ? caught.message : sentence(caught);
  }
}

/** Does something whenever a button is pressed. */
export const onClick = (id: string, what: string, action: () => Promise<string> | string) =>
  button(id).addEventListener("click", () => void act(what, action));

/** Does something whenever a file or choice is another. */
export const onChange = (id: string, what: string, action: () => Promise<string> | string) =>
  element(id).addEventListener("change", () => void act(what, action));

/** A file beside the page. */
export async function load(path: string): Promise<string> {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}; put the deployment's files into public/`);
  return answer.text();
}
