export type { Hex } from "./bytes.js";
export { contextOf, identityOf, nullifierOf, scopeOf, type Use } from "./context.js";
export * from "./encode.js";
export * from "./errors.js";
export { type Identity, type Membership, newIdentity, readIdentity, readMembership } from "./identity.js";
export { type CommittedInput, commitInput } from "./input.js";
export {
  type Binding,
  type BindingWords,
  type Column,
  decodeInput,
  decodeOutput,
  type InputForm,
  type Lead,
  openOutput,
  type Output,
  type OutputFormat,
  type OutputOpening,
  type Packing,
  readBinding,
  readOutputOpening,
} from "./output.js";
export {
  type Abortable,
  type JobEvent,
  type JobState,
  type ProofRequest,
  type Proven,
  ProverClient,
  ProverError,
  type ProverJob,
  type ProverOptions,
  type ProverReason,
} from "./prover.js";
export { readProgram, type VerifierProgram } from "./program.js";
export { type ProofFile, readProof, type Statement } from "./proof.js";
export {
  type Contract,
  type Deployment,
  type InputFormat,
  type PollRecord,
  readDeployment,
  readVerifier,
  type RegisteredModel,
  registeredDigest,
  type UniversalKey,
  type VerifyingKey,
} from "./records.js";
export { type Expected, type Reason, type Unchecked, type Verdict, verifyProof } from "./verify.js";
export { explainRevert, type Revert } from "./revert.js";
