//! Laminate's models: what is proven of them, and the verifier, written once.
//!
//! Statement: "I know weights opening the published commitment `W` and an input opening `X`, such that
//! program `P` on them gives the public output `Y`" ([`statement`]). The trace of the run is committed
//! in one polynomial `T` beside the weights' ([`layout`]); nodes are lowered to relations of `laminate-engine`
//! ([`lower`]), which one joint sumcheck and one lookup reduce to one KZG opening.
//!
//! | module | what |
//! | --- | --- |
//! | [`program`] | architecture and integer semantics, weights |
//! | [`ends`] | what a program reads and gives |
//! | [`layout`] | where columns are committed |
//! | [`ops`] | all that is known of each op |
//! | [`lower`] | programs as relations and lookups |
//! | [`binding`], [`credential`] | what statements may say beside that |
//! | [`statement`], [`public`], [`proof`] | what is claimed, what is published, what is folded |
//! | [`verify`] | the whole verifier |
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

pub mod artifact;
pub mod binding;
pub mod credential;
pub mod ends;
pub mod layout;
pub mod lower;
pub mod ops;
pub mod program;
pub mod proof;
pub mod public;
pub mod shards;
pub mod statement;
pub mod verify;
