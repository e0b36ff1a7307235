import { Window } from "happy-dom";

// A document for React, beside Node's own `fetch` and `URL`; imported before React.
const window = new Window({ url: "http://127.0.0.1/" });
const names = ["document", "navigator", "HTMLElement", "HTMLIFrameElement", "Element", "Node", "Event", "MouseEvent", "MutationObserver", "DocumentFragment"] as const;
const globals = globalThis as unknown as Record<string, unknown>;
globals.window = window;
for (const name of names) Object.defineProperty(globals, name, { value: window[name as keyof Window], configurable: true, writable: true });
globals.IS_REACT_ACT_ENVIRONMENT = true;
