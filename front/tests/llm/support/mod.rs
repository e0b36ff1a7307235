//! Shared by the tests of language models.

pub mod invariants;
pub mod models;
pub mod python;
