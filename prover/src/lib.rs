//! Laminate's prover: from a program, its weights and an input to a folded proof.
//!
//! | module | what |
//! | --- | --- |
//! | [`input`] | what a program runs on, committed to before or not |
//! | [`output`] | outputs that proofs hide |
//! | [`exec`] | integer execution: input to trace |
//! | [`columns`] | the committed polynomials |
//! | [`joint`], [`lookup`], [`fold`] | relations, lookups, opening |
//! | [`multiexp`] | linear combinations of points |
//! | [`prove`] | the whole run |
//! | [`kernels`] | arithmetic, references beside optimised forms |

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod columns;
pub mod exec;
pub mod fold;
pub mod input;
pub mod joint;
pub mod kernels;
pub mod lookup;
pub mod multiexp;
pub mod output;
mod pcs;
pub mod prove;
mod sumcheck;
