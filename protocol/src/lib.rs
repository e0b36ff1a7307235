//! Laminate's proof protocol: what is proven, and the verifier, written once.
//!
//! Statement: "I know weights opening the published commitment `W` and an input opening `X`, such that
//! program `P` on them gives the public output `Y`" ([`statement`]). The trace of the run is committed
//! in one polynomial `T` beside the weights' ([`layout`]); all layers are reduced by one joint sumcheck to
//! evaluations of `T` and `W` ([`relations`], [`joint`]), all range checks and tables by one LogUp-GKR tree
//! ([`lookup`]), and all evaluations to one KZG opening ([`fold`], [`pcs`]).
//!
//! | module | what |
//! | --- | --- |
//! | [`program`] | architecture and integer semantics, weights |
//! | [`layout`], [`claim`] | committed columns; linear views of them; evaluation claims |
//! | [`relations`] | one relation per op, as data |
//! | [`sumcheck`], [`joint`], [`lookup`], [`fold`], [`pcs`] | the reductions |
//! | [`transcript`] | Fiat–Shamir over Poseidon |
//! | [`backend`] | native values or circuit cells |
//! | [`verify`] | the whole verifier |
//! | [`multiexp`] | linear combinations of points, for proofs about proofs |
//! | [`shards`] | models proven in parts |
//! | [`artifact`] | magic, version and digest of every file |
//!
//! No I/O, no panics on untrusted data, no unsafe code.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented
    )
)]

pub mod accumulator;
pub mod artifact;
pub mod backend;
pub mod claim;
pub mod deferred;
pub mod error;
pub mod field;
pub mod fold;
pub mod joint;
pub mod layout;
pub mod lookup;
pub mod multiexp;
pub mod pcs;
pub mod poly;
pub mod program;
pub mod proof;
pub mod public;
pub mod relations;
pub mod shards;
pub mod statement;
pub mod sumcheck;
pub mod switch;
pub mod transcript;
pub mod verify;
