import { describe, expect, it } from "vitest";
import { identityOf, newIdentity, nullifierOf, readBinding, readDeployment, readIdentity, readMembership, readProof } from "../src/index.js";
import { bytes, HEADER, resealed, text } from "./fixtures.js";

// Files of the command line (`scripts/make_client_fixtures.sh`).
const identity = bytes("poll/me.identity");
const membership = bytes("poll/me.member");

describe("files of a voter", () => {
  it("are read as the command line wrote them", () => {
    const [me, member] = [readIdentity(identity), readMembership(membership)];
    expect(me.identity).toBe(identityOf(me.secret));
    expect([member.secret, member.depth]).toEqual([me.secret, 20]);
    const vote = readProof(bytes("poll/vote.proof"));
    const { credential } = readBinding(vote.statement.outputWords, readDeployment(text("poll/deployment.json")).key.output);
    expect(credential?.root).toBe(member.root);
    expect(credential?.nullifier).toBe(nullifierOf(me.secret, credential?.scope ?? 0n));
  });

  it("are made anew, each with another secret", () => {
    const [one, other] = [newIdentity(), newIdentity()];
    expect(readIdentity(one.file)).toEqual({ secret: one.secret, identity: one.identity });
    expect(one.secret).not.toBe(other.secret);
    expect(one.file.length).toBe(identity.length);
    expect(one.file.slice(0, 24)).toEqual(identity.slice(0, 24));
  });

  it("are refused where a byte is altered, and where a path is none", () => {
    for (const [read, file] of [[readIdentity, identity], [readMembership, membership]] as const) {
      for (let at = 0; at < file.length; at++) {
        const altered = file.slice();
        altered[at] = (altered[at] ?? 0) ^ 1;
        expect(() => read(altered), `byte ${at}`).toThrow();
      }
      expect(() => read(file.slice(0, -1))).toThrow(/truncated/);
    }
    expect(() => readIdentity(membership)).toThrow(/expected IDEN/);
    const payload = membership.slice(HEADER);
    // The last step, to neither side; then a secret that is no element of the field.
    expect(() => readMembership(resealed(membership, payload.with(payload.length - 32, 2)))).toThrow(/no tree has/);
    expect(() => readMembership(resealed(membership, payload.fill(0xff, 64, 96)))).toThrow(/below the scalar field's order/);
  });
});
