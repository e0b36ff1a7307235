/** What a proof file, record or verifier program is refused for. */
export type FileReason =
  | "magic"
  | "kind"
  | "version"
  | "length"
  | "digest"
  | "malformed"
  | "not-canonical"
  | "not-a-point"
  | "contradiction"
  | "unsupported";

/** Every error of this package; `code` is stable, `message` is for people. */
export class LaminateError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "LaminateError";
    this.code = code;
  }
}

/** A file or record that is not what it should be. */
export class FileError extends LaminateError {
  readonly reason: FileReason;
  /** What was read: `proof`, `verifier.json`, … */
  readonly what: string;

  constructor(what: string, reason: FileReason, message: string) {
    super(`file/${reason}`, `${what}: ${message}`);
    this.name = "FileError";
    this.reason = reason;
    this.what = what;
  }
}

/** An input that a program does not take. */
export class InputError extends LaminateError {
  constructor(message: string) {
    super("input", message);
    this.name = "InputError";
  }
}
