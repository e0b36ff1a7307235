//! Laminate's proof engine: what is proven about committed columns, and how, whatever they mean.
//!
//! Two vectors of small integers are committed, `W` and `T` ([`geometry`]). Linear views of their blocks are
//! columns ([`claim`]); relations between columns are reduced by one sumcheck to evaluations ([`joint`]), ranges
//! and tables by one LogUp-GKR tree ([`lookup`]), and all evaluations to one KZG opening ([`fold`], [`pcs`]). The
//! engine knows no model: `laminate-model` lowers programs to its relations.
//!
//! | module | what |
//! | --- | --- |
//! | [`geometry`], [`packer`] | the two polynomials, their blocks and rows |
//! | [`claim`] | linear views of blocks; evaluation claims |
//! | [`relations`] | the kinds of relations, as data |
//! | [`sumcheck`], [`joint`], [`lookup`], [`fold`], [`pcs`] | the reductions |
//! | [`deferred`], [`accumulator`] | the group operations that are left |
//! | [`transcript`] | Fiat–Shamir over Poseidon |
//! | [`backend`] | native values or circuit cells |
//! | [`multiexp`] | linear combinations of points, for proofs about proofs |
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
pub mod backend;
pub mod claim;
pub mod deferred;
pub mod error;
pub mod field;
pub mod fold;
pub mod geometry;
pub mod joint;
pub mod lookup;
pub mod maps;
pub mod multiexp;
pub mod packer;
pub mod pcs;
pub mod poly;
pub mod relations;
pub mod sumcheck;
pub mod switch;
pub mod transcript;
