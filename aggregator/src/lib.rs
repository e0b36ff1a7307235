//! The aggregation circuit, its keys and reference strings, joins of proofs, and the EVM's verifiers.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod backend;
pub mod chips;
pub mod circuit;
pub mod error;
pub mod evm;
pub mod join;
pub mod keys;
pub mod packed;
pub mod prove;
pub mod report;
pub mod snark;
pub mod srs;
mod temporary;

#[cfg(test)]
mod testing;
