//! The integers that compilation chooses and that runs compute, as recorded under `tests/golden`: a change to the
//! front end shows here first. The files hold nothing of formats, commitments or proofs.

#[path = "../../../tests/src/golden.rs"]
#[allow(dead_code, reason = "the other packages' tests use all of it")]
mod golden;
mod rows;
mod text;
mod tokens;
